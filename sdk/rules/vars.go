package rules

import (
	"fmt"
	"maps"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/rule"
)

// env is what names mean in one instance of a row.
type env struct {
	text map[string]string     // captures, their fields, the block's path, numbers as text
	num  map[string]int        // letters captured from the block's path
	let  map[string]*rule.Expr // letters that the block's place defines
	tree *tree                 // the one that has() asks; nil is all
}

// with returns e with further texts.
func (e env) with(more map[string]string) env {
	text := make(map[string]string, len(e.text)+len(more))
	maps.Copy(text, e.text)
	maps.Copy(text, more)
	return env{text: text, num: e.num, let: e.let, tree: e.tree}
}

// asker gathers what an expression refers to: letters (their sizes, or in the
// formulas of names their positions), captures, facts, facts of one parameter,
// and the table's own definitions.
type asker struct {
	x       *expansion
	env     env
	letters map[string]int
	param   string
	source  string // of a LoRA pair
	depth   int
}

// vars returns the values of e's names. A fact that is unknown gives its
// diagnostic as the error.
func (x *expansion) vars(e *rule.Expr, in env, letters map[string]int, param string) (map[string]cty.Value, error) {
	return asker{x: x, env: in, letters: letters, param: param}.vars(e)
}

func (a asker) vars(e *rule.Expr) (map[string]cty.Value, error) {
	if a.depth > 8 {
		return nil, fmt.Errorf("definitions refer to one another without end")
	}
	out := map[string]cty.Value{}
	for _, n := range e.Variables() {
		v, err := a.value(n)
		if err != nil {
			return nil, err
		}
		out[n] = v
	}
	return out, nil
}

func (a asker) value(n string) (cty.Value, error) {
	if i, ok := a.letters[n]; ok {
		return cty.NumberIntVal(int64(i)), nil
	}
	if i, ok := a.env.num[n]; ok {
		return cty.NumberIntVal(int64(i)), nil
	}
	if a.x.PerParam != nil && a.param != "" {
		if v, ok := a.x.PerParam(a.param)[n]; ok {
			return v, nil
		}
	}
	if a.x.PerSource != nil && a.source != "" {
		if v, ok := a.x.PerSource(a.source)[n]; ok {
			return v, nil
		}
	}
	if v, ok := a.x.Facts[n]; ok {
		return v, nil
	}
	if d, ok := a.x.Unknown[n]; ok {
		return cty.NilVal, d
	}
	if f, ok := a.env.let[n]; ok {
		return a.eval(f)
	}
	if v, ok := a.env.text[n]; ok {
		return cty.StringVal(v), nil
	}
	for i := range a.x.Table.Defines {
		if d := &a.x.Table.Defines[i]; d.Name == n {
			return a.eval(d.Value)
		}
	}
	if a.x.Table.Block(n) != nil { // count(layer)
		return cty.StringVal(n), nil
	}
	return cty.NilVal, fmt.Errorf("%q is neither a letter, a capture, a fact nor a definition", n)
}

func (a asker) eval(e *rule.Expr) (cty.Value, error) {
	a.depth++
	vars, err := a.vars(e)
	if err != nil {
		return cty.NilVal, err
	}
	return e.Eval(vars, a.x.funcs(a.env))
}

// whole evaluates e to a whole number of at least 0.
func (x *expansion) whole(e *rule.Expr, in env, letters map[string]int) (int, error) {
	vars, err := x.vars(e, in, letters, "")
	if err != nil {
		return 0, err
	}
	f, err := e.Number(vars, x.funcs(in))
	if err != nil {
		return 0, err
	}
	if f != float64(int(f)) || f < 0 {
		return 0, fmt.Errorf("%s is %v, wanted a whole number of at least 0", e, f)
	}
	return int(f), nil
}
