package rules

import (
	"fmt"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/rule"
)

// vars gathers what an expression refers to: letters' sizes, captures, facts,
// facts of one parameter, and the table's own definitions. A fact that is
// unknown gives its diagnostic as the error.
func (x *expansion) vars(e *rule.Expr, env map[string]string, sizes map[string]int, param string) (map[string]cty.Value, error) {
	return x.varsDepth(e, env, sizes, param, 0)
}

func (x *expansion) varsDepth(e *rule.Expr, env map[string]string, sizes map[string]int, param string, depth int) (map[string]cty.Value, error) {
	if depth > 8 {
		return nil, fmt.Errorf("definitions refer to one another without end")
	}
	var own map[string]cty.Value
	if x.PerParam != nil && param != "" {
		own = x.PerParam(param)
	}
	out := map[string]cty.Value{}
	for _, n := range e.Variables() {
		if s, ok := sizes[n]; ok {
			out[n] = cty.NumberIntVal(int64(s))
			continue
		}
		if v, ok := own[n]; ok {
			out[n] = v
			continue
		}
		if v, ok := x.Facts[n]; ok {
			out[n] = v
			continue
		}
		if d, ok := x.Unknown[n]; ok {
			return nil, d
		}
		if v, ok := env[n]; ok {
			out[n] = cty.StringVal(v)
			continue
		}
		v, err := x.defined(n, env, sizes, param, depth)
		if err != nil {
			return nil, err
		}
		out[n] = v
	}
	return out, nil
}

func (x *expansion) defined(name string, env map[string]string, sizes map[string]int, param string, depth int) (cty.Value, error) {
	for _, d := range x.Table.Defines {
		if d.Name != name {
			continue
		}
		vars, err := x.varsDepth(d.Value, env, sizes, param, depth+1)
		if err != nil {
			return cty.NilVal, err
		}
		return d.Value.Eval(vars, x.funcs(env))
	}
	return cty.NilVal, fmt.Errorf("%q is neither a letter, a capture, a fact nor a definition", name)
}
