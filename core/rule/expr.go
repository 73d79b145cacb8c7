package rule

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"github.com/loraconv/loraconv/core/tensor"
)

// Expr is an expression over letters' sizes, captures and facts. It keeps its
// source text, which is how it travels and is compared.
type Expr struct {
	text string
	x    hclsyntax.Expression
}

// maxExpr is the length of the longest expression, in bytes: each operator in a
// chain is a level of the tree, which is walked and evaluated recursively.
const maxExpr = 4096

func tooLong(n int) error { return fmt.Errorf("expression of %d bytes, at most %d", n, maxExpr) }

// ParseExpr reads an expression.
func ParseExpr(text string) (*Expr, error) {
	if len(text) > maxExpr {
		return nil, tooLong(len(text))
	}
	if err := checkNesting([]byte(text)); err != nil {
		return nil, err
	}
	x, diags := hclsyntax.ParseExpression([]byte(text), "expression", hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("expression %q: %s", text, diags[0].Detail)
	}
	e := &Expr{text: strings.TrimSpace(text), x: x}
	return e, e.check()
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
func (e *Expr) Eval(vars map[string]cty.Value, funcs map[string]function.Function) (v cty.Value, err error) {
	all := map[string]function.Function{"sqrt": sqrtFunc, "bf16": bf16Func, "floor": stdlib.FloorFunc, "min": stdlib.MinFunc, "max": stdlib.MaxFunc}
	for k, f := range funcs {
		all[k] = f
	}
	defer func() { // big.Float panics where infinities cancel
		if r := recover(); r != nil {
			v, err = cty.NilVal, fmt.Errorf("%s: cannot be computed: %v", e.text, r)
		}
	}()
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

// functions lists what an expression may call: arithmetic, which this package
// supplies, and has and count, which ask about a checkpoint.
var functions = []string{"bf16", "count", "floor", "has", "max", "min", "sqrt"}

// check refuses what the notation has no use for: loops, templates, indexing,
// unknown functions. So an evaluation takes time proportional to its text.
func (e *Expr) check() error {
	var err error
	hclsyntax.VisitAll(e.x, func(n hclsyntax.Node) hcl.Diagnostics {
		if err == nil {
			err = checkNode(n)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("expression %q: %w", e.text, err)
	}
	return nil
}

func checkNode(n hclsyntax.Node) error {
	switch x := n.(type) {
	case *hclsyntax.BinaryOpExpr, *hclsyntax.UnaryOpExpr, *hclsyntax.ConditionalExpr, *hclsyntax.ParenthesesExpr, hclsyntax.ChildScope:
		return nil
	case *hclsyntax.LiteralValueExpr:
		if x.Val.Type() != cty.Number || x.Val.IsNull() {
			return nil
		}
		if f, _ := x.Val.AsBigFloat().Float64(); math.IsInf(f, 0) || f == 0 && x.Val.AsBigFloat().Sign() != 0 {
			return fmt.Errorf("a number is outside what a float64 holds")
		}
		return nil
	case *hclsyntax.TemplateExpr:
		if !x.IsStringLiteral() {
			return fmt.Errorf("a string holds ${…}; captures are written {…}")
		}
		return nil
	case *hclsyntax.ScopeTraversalExpr:
		if len(x.Traversal) != 1 {
			return fmt.Errorf("%s has parts; names are single words", x.Traversal.RootName())
		}
		return nil
	case *hclsyntax.FunctionCallExpr:
		if !slices.Contains(functions, x.Name) {
			return fmt.Errorf("there is no function %q, wanted one of %s", x.Name, strings.Join(functions, ", "))
		}
		if x.ExpandFinal {
			return fmt.Errorf("%s(…...) is not part of the notation", x.Name)
		}
		return nil
	case hclsyntax.Expression:
		return fmt.Errorf("%T is not part of the notation: only names, numbers, strings, operators, a ? b : c and functions are", x)
	}
	return nil
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

// maxPieces bounds the pieces of one string.
const maxPieces = 1024

// checkNesting refuses text that would make the parser recurse too deeply, for a
// stack overflow cannot be caught, or that it would take minutes for.
func checkNesting(b []byte) error {
	tokens, diags := hclsyntax.LexConfig(b, "rules", hcl.InitialPos)
	if diags.HasErrors() {
		return fmt.Errorf("%s", diags[0].Detail)
	}
	var open []hclsyntax.TokenType
	unary := 0  // signs and conditions, each of which may hold the next, since the argument began
	pieces := 0 // of a string: the lexer cuts it at each %, and the parser joins them one by one
	for _, t := range tokens {
		if t.Type == hclsyntax.TokenOHeredoc {
			return fmt.Errorf("line %d: a heredoc is not part of the notation", t.Range.Start.Line)
		}
		switch t.Type {
		case hclsyntax.TokenOParen, hclsyntax.TokenOBrack, hclsyntax.TokenOBrace, hclsyntax.TokenOQuote,
			hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl, hclsyntax.TokenOHeredoc:
			open, pieces = append(open, t.Type), 0
		case hclsyntax.TokenCParen, hclsyntax.TokenCBrack, hclsyntax.TokenCBrace, hclsyntax.TokenCQuote,
			hclsyntax.TokenTemplateSeqEnd, hclsyntax.TokenCHeredoc:
			open = open[:max(0, len(open)-1)]
		case hclsyntax.TokenQuotedLit:
			if pieces++; pieces > maxPieces {
				return fmt.Errorf("line %d: a string in more than %d pieces; each %% begins one", t.Range.Start.Line, maxPieces)
			}
		case hclsyntax.TokenMinus, hclsyntax.TokenBang, hclsyntax.TokenQuestion:
			unary++
		case hclsyntax.TokenNewline: // within ( and [ it ends nothing
			if len(open) == 0 || open[len(open)-1] == hclsyntax.TokenOBrace {
				unary = 0
			}
		}
		if len(open) > 32 || unary > 64 {
			return fmt.Errorf("nested deeper than 32 levels")
		}
	}
	return nil
}
