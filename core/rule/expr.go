package rule

import (
	"fmt"
	"math"
	"sort"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/loraconv/loraconv/core/tensor"
)

// Expr is an expression over letters' sizes, captures and facts. It keeps its
// source text, which is how it travels and is compared.
type Expr struct {
	text string
	x    hclsyntax.Expression
}

// ParseExpr reads an expression.
func ParseExpr(text string) (*Expr, error) {
	if len(text) > 4096 {
		return nil, fmt.Errorf("expression of %d bytes, at most 4096", len(text))
	}
	if err := checkNesting([]byte(text)); err != nil {
		return nil, err
	}
	x, diags := hclsyntax.ParseExpression([]byte(text), "expression", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("expression %q: %s", text, diags[0].Detail)
	}
	return &Expr{text: text, x: x}, nil
}

// String returns the source text.
func (e *Expr) String() string { return e.text }

// Equal lets tests compare rows.
func (e *Expr) Equal(f *Expr) bool {
	if e == nil || f == nil {
		return e == f
	}
	return e.text == f.text
}

// Variables returns the names that the expression refers to, sorted.
func (e *Expr) Variables() []string {
	seen := map[string]bool{}
	var out []string
	for _, t := range e.x.Variables() {
		if n := t.RootName(); !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out
}

// Eval computes the expression.
func (e *Expr) Eval(vars map[string]cty.Value, funcs map[string]function.Function) (cty.Value, error) {
	all := map[string]function.Function{"sqrt": sqrtFunc, "bf16": bf16Func}
	for k, f := range funcs {
		all[k] = f
	}
	v, diags := e.x.Value(&hcl.EvalContext{Variables: vars, Functions: all})
	if diags.HasErrors() {
		return cty.NilVal, fmt.Errorf("%s: %s", e.text, diags[0].Detail)
	}
	if !v.IsWhollyKnown() || v.IsNull() {
		return cty.NilVal, fmt.Errorf("%s: has no value", e.text)
	}
	return v, nil
}

// Number evaluates to a finite float64.
func (e *Expr) Number(vars map[string]cty.Value, funcs map[string]function.Function) (float64, error) {
	v, err := e.Eval(vars, funcs)
	if err != nil {
		return 0, err
	}
	v, err = convert.Convert(v, cty.Number)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", e.text, err)
	}
	f, _ := v.AsBigFloat().Float64()
	if math.IsInf(f, 0) {
		return 0, fmt.Errorf("%s: is not a finite number", e.text)
	}
	return f, nil
}

// Bool evaluates to a truth value.
func (e *Expr) Bool(vars map[string]cty.Value, funcs map[string]function.Function) (bool, error) {
	v, err := e.Eval(vars, funcs)
	if err != nil {
		return false, err
	}
	if v.Type() != cty.Bool {
		return false, fmt.Errorf("%s: is not true or false", e.text)
	}
	return v.True(), nil
}

func numberFunc(f func(float64) (float64, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "x", Type: cty.Number}},
		Type:   function.StaticReturnType(cty.Number),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			x, _ := args[0].AsBigFloat().Float64()
			y, err := f(x)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.NumberFloatVal(y), nil
		},
	})
}

var sqrtFunc = numberFunc(func(x float64) (float64, error) {
	if x < 0 {
		return 0, fmt.Errorf("sqrt of %v", x)
	}
	return math.Sqrt(x), nil
})

// bf16Func rounds to the nearest bfloat16, as frameworks do that keep a factor
// in that type.
var bf16Func = numberFunc(func(x float64) (float64, error) {
	src, dst := []float32{float32(x)}, make([]byte, 2)
	if err := tensor.EncodeFloat32(dst, src, tensor.BFloat16); err != nil {
		return 0, err
	}
	if err := tensor.DecodeFloat32(src, dst, tensor.BFloat16); err != nil {
		return 0, err
	}
	return float64(src[0]), nil
})

// checkNesting refuses text that would make the parser recurse too deeply: a
// stack overflow cannot be caught.
func checkNesting(b []byte) error {
	tokens, diags := hclsyntax.LexConfig(b, "rules", hcl.InitialPos)
	if diags.HasErrors() {
		return fmt.Errorf("%s", diags[0].Detail)
	}
	depth, unary := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOBrace, hclsyntax.TokenOQuote,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl, hclsyntax.TokenOHeredoc:
			depth++
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCBrace, hclsyntax.TokenCQuote,
			hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCHeredoc:
			depth--
		}
		unaryStep := t.Type == hclsyntax.TokenMinus || t.Type == hclsyntax.TokenBang || t.Type == hclsyntax.TokenQuestion
		if unaryStep {
			unary++
		} else if t.Type == hclsyntax.TokenNewline {
			unary = 0
		}
		if depth > 32 || unary > 64 {
			return fmt.Errorf("nested deeper than 32 levels")
		}
	}
	return nil
}
