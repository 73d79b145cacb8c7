package rules

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/rule"
)

// instance is one row with its captures fixed.
type instance struct {
	row   *rule.Row
	env   map[string]string // captures, their fields, {source}, {parent}
	scope string            // letters with equal scopes share sizes
	axes  []rule.Axis
	to    []rule.Axis
	stack []string // letters of the source's name
	bases []base   // one for each combination of the stack letters
	loras [][]pair // for each base, the pairs that fold into it
}

type base struct {
	param
	at map[string]int // stack letter -> position among its names
}

// pair is one low-rank update of a base.
type pair struct {
	a, b   param
	einsum *ruleEinsum
	scale  *rule.Expr
	weight float64
}

// ruleEinsum is an einsum as a row writes it.
type ruleEinsum struct {
	a, b, out []rule.Axis
}

func parseRuleEinsum(s string) (*ruleEinsum, error) {
	in, out, ok := strings.Cut(s, "->")
	l, r, ok2 := strings.Cut(in, ",")
	if !ok || !ok2 {
		return nil, fmt.Errorf("einsum %q must read \"a, b -> out\"", s)
	}
	e := &ruleEinsum{}
	for _, p := range []struct {
		dst  *[]rule.Axis
		text string
	}{{&e.a, l}, {&e.b, r}, {&e.out, out}} {
		axes, err := rule.ParseAxes(p.text)
		if err != nil {
			return nil, err
		}
		*p.dst = axes
	}
	return e, nil
}

var braces = regexp.MustCompile(`\{([^{}]*)\}`)

// fill replaces {name} by its value; names without one stay.
func fill(s string, env map[string]string) string {
	return braces.ReplaceAllStringFunc(s, func(m string) string {
		if v, ok := env[m[1:len(m)-1]]; ok {
			return v
		}
		return m
	})
}

// named returns the names in braces, in order.
func named(s string) []string {
	var out []string
	for _, m := range braces.FindAllStringSubmatch(s, -1) {
		out = append(out, m[1])
	}
	return out
}

// instances finds, for every row, where it applies and what it reads.
func (x *expansion) instances() error {
	for i := range x.Table.Rows {
		r := &x.Table.Rows[i]
		envs, err := x.environments(r)
		if err != nil {
			return fmt.Errorf("rule %q: %w", r.Name, err)
		}
		for _, env := range envs {
			if err := x.instantiate(r, env); err != nil {
				return fmt.Errorf("rule %q: %w", r.Name, err)
			}
		}
	}
	x.reportAbsent()
	return nil
}

// environments returns one set of captures for each combination of the
// captures in the row's source, where the captures' conditions hold.
func (x *expansion) environments(r *rule.Row) ([]map[string]string, error) {
	envs := []map[string]string{{}}
	for i := range x.Table.Captures {
		c := &x.Table.Captures[i]
		fixed, isFixed := r.Where[c.Name]
		used := isFixed
		for _, n := range named(r.Source) {
			used = used || n == c.Name
		}
		if !used {
			continue
		}
		var next []map[string]string
		for _, v := range c.Values {
			if isFixed && v.Value != fixed {
				continue
			}
			if ok, err := x.holds(v.When, nil); err != nil {
				return nil, err
			} else if !ok {
				continue
			}
			for _, e := range envs {
				m := map[string]string{c.Name: v.Value}
				for k, s := range e {
					m[k] = s
				}
				for k, s := range v.Fields {
					m[k] = s
				}
				next = append(next, m)
			}
		}
		envs = next
	}
	return envs, nil
}

// holds evaluates a condition; no condition holds.
func (x *expansion) holds(e *rule.Expr, env map[string]string) (bool, error) {
	if e == nil {
		return true, nil
	}
	vars, err := x.vars(e, env, nil, "")
	if err != nil {
		return false, err
	}
	return e.Bool(vars, x.funcs(env))
}

// funcs gives has("glob"): whether any source has a parameter of that name.
// Captures in the glob are filled in.
func (x *expansion) funcs(env map[string]string) map[string]function.Function {
	has := function.New(&function.Spec{
		Params: []function.Parameter{{Name: "pattern", Type: cty.String}},
		Type:   function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			g, err := glob.Compile(fill(args[0].AsString(), env), '/')
			if err != nil {
				return cty.NilVal, err
			}
			for _, t := range x.trees {
				for n := range t.byName {
					if g.Match(n) {
						return cty.True, nil
					}
				}
			}
			return cty.False, nil
		},
	})
	return map[string]function.Function{"has": has}
}

func (x *expansion) instantiate(r *rule.Row, env map[string]string) error {
	if ok, err := x.holds(r.When, env); err != nil || !ok {
		return err
	}
	in := &instance{row: r, env: env, scope: scopeOf(x.Table, env)}
	var err error
	if in.axes, err = rule.ParseAxes(r.Axes); err != nil {
		return err
	}
	to := r.To
	if in.to, err = rule.ParseAxes(to); err != nil {
		return err
	}
	if r.Source == "" {
		in.bases, in.loras = []base{{at: map[string]int{}}}, [][]pair{nil}
		x.insts = append(x.insts, in)
		return nil
	}
	pattern := fill(r.Source, env)
	for _, n := range named(pattern) {
		if _, ok := r.Names[n]; !ok {
			return fmt.Errorf("{%s} in source %q is neither a capture nor a letter with names", n, r.Source)
		}
		in.stack = append(in.stack, n)
	}
	found := 0
	var lacking []string
	combos(in.stack, func(l string) int { return len(r.Names[l]) }, func(at map[string]int) {
		rel := fill(pattern, pick(r.Names, at))
		p, ok := x.find(rel)
		if !ok {
			lacking = append(lacking, rel)
			return
		}
		found++
		in.bases = append(in.bases, base{p, at})
	})
	if r.Optional && found == 0 {
		return nil
	}
	for _, rel := range lacking {
		x.absent = append(x.absent, absence{r.Name, rel})
	}
	for _, b := range in.bases {
		x.claim(b.param, r.Name)
		ps, err := x.pairs(in, b)
		if err != nil {
			return err
		}
		in.loras = append(in.loras, ps)
	}
	if len(lacking) > 0 {
		x.claimAdapters(in, lacking)
		return nil
	}
	x.insts = append(x.insts, in)
	return nil
}

// scopeOf names the captures that hold; their fields follow from them.
func scopeOf(t *rule.Table, env map[string]string) string {
	var parts []string
	for _, c := range t.Captures {
		if v, ok := env[c.Name]; ok && !c.Shared {
			parts = append(parts, c.Name+"="+v)
		}
	}
	sort.Strings(parts)
	return strings.Join(parts, ",")
}

// find looks a base parameter up; only the first source holds base weights.
func (x *expansion) find(rel string) (param, bool) {
	t := x.trees[0]
	m, ok := t.byName[rel]
	return param{t, rel, m}, ok
}

func (x *expansion) claim(p param, row string) { p.tree.claimed[p.rel] = row }

// combos visits every combination of positions of the letters.
func combos(letters []string, size func(string) int, visit func(map[string]int)) {
	pos := make([]int, len(letters))
	for {
		at := map[string]int{}
		for i, l := range letters {
			at[l] = pos[i]
		}
		for _, l := range letters {
			if size(l) == 0 {
				return
			}
		}
		visit(at)
		i := len(pos) - 1
		for ; i >= 0; i-- {
			if pos[i]++; pos[i] < size(letters[i]) {
				break
			}
			pos[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

// pick turns positions into names.
func pick(names map[string][]string, at map[string]int) map[string]string {
	out := map[string]string{}
	for l, i := range at {
		if i < len(names[l]) {
			out[l] = names[l][i]
		}
	}
	return out
}

// pairs finds the LoRA factors of one base in every source.
func (x *expansion) pairs(in *instance, b base) ([]pair, error) {
	var out []pair
	env := adapterEnv(in.env, b.rel)
	for _, t := range x.trees {
		var fits []pair
		for i := range in.row.Lora {
			l := &in.row.Lora[i]
			an, bn := fill(l.A, env), fill(l.B, env)
			am, bm := t.byName[an], t.byName[bn]
			if am == nil && bm == nil {
				continue
			}
			e, err := parseRuleEinsum(l.Einsum)
			if err != nil {
				return nil, err
			}
			p := pair{a: param{t, an, am}, b: param{t, bn, bm}, einsum: e, scale: l.Scale, weight: t.src.Weight}
			if x.unpaired(in.row.Name, p) {
				continue
			}
			x.claim(p.a, in.row.Name)
			x.claim(p.b, in.row.Name)
			fits = append(fits, p)
		}
		if len(fits) > 1 {
			x.res.Diagnostics.Errorf(diag.Keys, CodeUnpaired, "A parameter has its LoRA twice",
				"%s has the factors %s and %s; the runtime uses one form only", b.t.Name, fits[0].a.t.Name, fits[1].a.t.Name).Tensor = b.t.Name
		}
		out = append(out, fits...)
	}
	return out, nil
}

// unpaired reports a factor without its partner, and claims it so that it is
// not reported twice.
func (x *expansion) unpaired(row string, p pair) bool {
	have, lack := p.a, p.b
	switch {
	case p.a.t != nil && p.b.t != nil:
		return false
	case p.a.t == nil:
		have, lack = p.b, p.a
	}
	x.claim(have, row)
	d := x.res.Diagnostics.Errorf(diag.Keys, CodeUnpaired, "A LoRA factor has no partner",
		"%s is there, %s is not: the pair cannot be merged and dropping it would lose the fine-tuning%s",
		have.t.Name, lack.tree.root+lack.rel, x.near(lack.tree, lack.rel))
	d.Tensor, d.Rule = lack.tree.root+lack.rel, row
	return true
}

func adapterEnv(env map[string]string, rel string) map[string]string {
	out := map[string]string{"source": rel, "parent": ""}
	if i := strings.LastIndexByte(rel, '/'); i >= 0 {
		out["parent"] = rel[:i]
	}
	for k, v := range env {
		out[k] = v
	}
	return out
}

// claimAdapters claims the factors of bases that are absent, so that one
// fault gives one message.
func (x *expansion) claimAdapters(in *instance, lacking []string) {
	for _, rel := range lacking {
		env := adapterEnv(in.env, rel)
		for _, t := range x.trees {
			for _, l := range in.row.Lora {
				for _, n := range []string{fill(l.A, env), fill(l.B, env)} {
					if t.byName[n] != nil {
						t.claimed[n] = in.row.Name
					}
				}
			}
		}
	}
}
