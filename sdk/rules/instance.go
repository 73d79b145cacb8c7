package rules

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/loraconv/loraconv/core/rule"
)

// instance is one row with its captures and its block's place fixed.
type instance struct {
	row   *rule.Row
	env   env
	site  *site       // nil: the row names no block
	scope string      // letters with equal scopes share sizes
	axes  []rule.Axis // those of the row, with the site's stack letters
	to    []rule.Axis
	stack []string // letters of the source's name
	bases []base   // one for each combination of the stack letters
	loras [][]pair // for each base, the pairs that fold into it

	parts  []*instance // of a row that joins several; its bases are theirs
	joined bool        // the instance is a part, and writes no line of its own
}

// sources are the patterns of what the row reads.
func sources(r *rule.Row) string {
	out := r.Source
	for _, p := range r.Parts {
		out += " " + p.Source
	}
	return out
}

type base struct {
	param
	at map[string]int // stack letter -> position among its names
}

// pair is one low-rank update of a base.
type pair struct {
	a, b   param
	einsum *ruleEinsum // with the stack letters of the pair's own site
	scale  *rule.Expr
	weight float64
	// apply, where the pair lies at another place of the block than the base,
	// maps the base's instances to positions of the pair's stack letters.
	apply map[string]map[string]int
	stack []string // the pair's stack letters, where apply is set
}

// instances finds, for every row, where it applies and what it reads.
func (x *expansion) instances() error {
	for i := range x.Table.Rows {
		r := &x.Table.Rows[i]
		if err := x.rowInstances(r); err != nil {
			return fmt.Errorf("rule %q: %w", r.Name, err)
		}
	}
	x.measureStacks()
	for _, in := range x.insts {
		if in.row.Source == "" {
			continue
		}
		for _, b := range in.bases {
			ps, err := x.pairs(in, b)
			if err != nil {
				return fmt.Errorf("rule %q: %w", in.row.Name, err)
			}
			in.loras = append(in.loras, ps)
		}
	}
	if x.Alone {
		x.measureStacksOfFactors()
	}
	x.reportAbsent()
	kept := x.insts[:0]
	for _, in := range x.insts {
		if in.row.Source == "" && in.complete() || in.row.Source != "" && len(in.bases) == in.wanted() {
			kept = append(kept, in)
		}
	}
	x.insts = kept
	return nil
}

// complete reports whether every part was found.
func (in *instance) complete() bool { return len(in.bases) >= len(in.parts) }

// wanted returns how many sources the instance stacks.
func (in *instance) wanted() int {
	n := 1
	for _, l := range in.stack {
		n *= in.namesOf(l)
	}
	return n
}

// namesOf returns how many names the row gives a letter.
func (in *instance) namesOf(letter string) int { return len(in.row.Names[letter]) }

func (x *expansion) rowInstances(r *rule.Row) error {
	envs, err := x.environments(r)
	if err != nil {
		return err
	}
	block, err := x.blockOf(r)
	if err != nil {
		return err
	}
	for _, e := range envs {
		if block == nil {
			if err := x.instantiate(r, e, nil); err != nil {
				return err
			}
			continue
		}
		for _, s := range x.trees[0].sites[block.Name] {
			if err := x.instantiate(r, s.in(e), s); err != nil {
				return err
			}
		}
	}
	return nil
}

// blockOf returns the block that the row's source names, or nil.
func (x *expansion) blockOf(r *rule.Row) (*rule.Block, error) {
	var out *rule.Block
	for _, n := range named(sources(r)) {
		b := x.Table.Block(n)
		if b != nil && out != nil && b != out {
			return nil, fmt.Errorf("source %q names two blocks", sources(r))
		}
		if b != nil {
			out = b
		}
	}
	return out, nil
}

// environments returns one set of captures for each combination of the
// captures in the row's source, where the captures' conditions hold.
func (x *expansion) environments(r *rule.Row) ([]env, error) {
	envs := []env{{text: map[string]string{}}}
	for i := range x.Table.Captures {
		c := &x.Table.Captures[i]
		fixed, isFixed := r.Where[c.Name]
		if !isFixed && !slices.Contains(named(sources(r)), c.Name) {
			continue
		}
		var next []env
		for _, v := range c.Values {
			if isFixed && v.Value != fixed {
				continue
			}
			if ok, err := x.holds(v.When, env{}); err != nil {
				return nil, err
			} else if !ok {
				continue
			}
			for _, e := range envs {
				next = append(next, e.with(map[string]string{c.Name: v.Value}).with(v.Fields))
			}
		}
		envs = next
	}
	for _, name := range slices.Sorted(maps.Keys(r.Where)) {
		if !x.Table.HasValue(name, r.Where[name]) {
			return nil, fmt.Errorf("where: the table has no capture %q with a value %q", name, r.Where[name])
		}
	}
	return envs, nil
}

// holds evaluates a condition; no condition holds.
func (x *expansion) holds(e *rule.Expr, in env) (bool, error) {
	if e == nil {
		return true, nil
	}
	vars, err := x.vars(e, in, nil, "")
	if err != nil {
		return false, err
	}
	return e.Bool(vars, x.funcs(in))
}

func (x *expansion) instantiate(r *rule.Row, e env, s *site) error {
	if ok, err := x.holds(r.When, e); err != nil || !ok {
		return err
	}
	in := &instance{row: r, env: e, site: s, scope: scopeOf(x.Table, e)}
	axes, err := rule.ParseAxes(r.Axes)
	if err != nil {
		return err
	}
	if in.to, err = rule.ParseAxes(r.To); err != nil {
		return err
	}
	if len(r.Parts) > 0 {
		return x.join(in)
	}
	if r.Source == "" {
		in.axes, in.bases, in.loras = axes, []base{{at: map[string]int{}}}, [][]pair{nil}
		x.insts = append(x.insts, in)
		return nil
	}
	pattern := fill(r.Source, e.text)
	for _, n := range named(pattern) {
		if _, ok := r.Names[n]; !ok {
			return fmt.Errorf("{%s} in source %q is neither a capture, nor a block, nor a letter with names", n, r.Source)
		}
		in.stack = append(in.stack, n)
	}
	in.axes = s.insert(axes, in.stack)
	if s != nil {
		for _, l := range s.stack() {
			if slices.Contains(rule.Letters(axes), l) {
				return fmt.Errorf("letter %s of axes %q also stacks block %q", l, r.Axes, s.block.Name)
			}
		}
	}
	if x.Alone {
		x.placeholders(in, pattern)
		return nil
	}
	lacking := x.findBases(in, pattern)
	if r.Optional && len(in.bases) == 0 {
		return nil
	}
	for _, b := range in.bases {
		x.claim(b.param, r.Name)
	}
	for _, rel := range lacking {
		x.absent = append(x.absent, absence{r.Name, rel})
	}
	x.claimAdapters(in, lacking)
	x.insts = append(x.insts, in)
	return nil
}

// findBases looks up what an instance reads, and returns the names that are
// not there.
func (x *expansion) findBases(in *instance, pattern string) (lacking []string) {
	for at := range combos(in.stack, in.namesOf) {
		rel := fill(pattern, pick(in.row.Names, at))
		if p, ok := x.find(rel); ok {
			in.bases = append(in.bases, base{p, at})
		} else {
			lacking = append(lacking, rel)
		}
	}
	return lacking
}

// scopeOf names the captures that hold; their fields follow from them.
func scopeOf(t *rule.Table, e env) string {
	var parts []string
	for _, c := range t.Captures {
		if v, ok := e.text[c.Name]; ok && !c.Shared {
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
