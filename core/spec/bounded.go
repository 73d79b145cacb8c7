package spec

import (
	"fmt"
	"regexp/syntax"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// bounded puts a check of the arguments before a function whose result can be
// far larger, or far dearer, than they are.
func bounded(f function.Function, check func([]cty.Value) error) function.Function {
	return function.New(&function.Spec{
		Params:   f.Params(),
		VarParam: f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := check(args); err != nil {
				return cty.NilType, err
			}
			return f.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return f.Call(args) },
	})
}

const (
	maxResult   = 1 << 20 // bytes of text that one call may make
	maxDecoded  = 1 << 16 // bytes of text that one call may decode
	maxDistinct = 4096    // elements: the algorithm is quadratic
	maxPattern  = 4096    // bytes of a regular expression
	maxMatch    = 20e6    // instructions of its program times bytes of text
)

// textOf is the text of an argument, or "" for what is not a known string.
func textOf(v cty.Value) string {
	v, _ = v.Unmark()
	if v.IsNull() || !v.IsKnown() || v.Type() != cty.String {
		return ""
	}
	return v.AsString()
}

// sizeOf is the length of the text in an argument, its elements included, and
// their number.
func sizeOf(v cty.Value) (bytes, elements int) {
	var m meter
	m.charge(v)
	return m.text, m.values
}

func within(n float64) error {
	if n > maxResult {
		return fmt.Errorf("the result would have more than 1 MiB")
	}
	return nil
}

func shortText(args []cty.Value) error {
	if n := len(textOf(args[0])); n > maxDecoded {
		return fmt.Errorf("the text has %d bytes; at most %d are decoded", n, maxDecoded)
	}
	return nil
}

func numberText(args []cty.Value) error {
	if n := len(textOf(args[0])); n > maxNumber {
		return fmt.Errorf("the text has %d characters; a number has at most %d", n, maxNumber)
	}
	return nil
}

func fewElements(args []cty.Value) error {
	v, _ := args[0].Unmark()
	if v.IsKnown() && !v.IsNull() && v.CanIterateElements() && v.LengthInt() > maxDistinct {
		return fmt.Errorf("the list has %d elements; at most %d are compared", v.LengthInt(), maxDistinct)
	}
	return nil
}

// formatSize bounds widths and precisions, and how often a verb such as
// %[1]s can repeat an argument.
func formatSize(args []cty.Value) error {
	s, total, digits := textOf(args[0]), 0, 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			digits = 0
		} else if digits++; digits > 3 {
			return fmt.Errorf("a width, a precision or a number in the format has more than three digits")
		}
	}
	for _, a := range args[1:] {
		n, elements := sizeOf(a)
		total += n + 32*elements // a number or bool is printed, too
	}
	return within(float64(len(s)) + float64(strings.Count(s, "%"))*float64(total+2000))
}

func indentSize(args []cty.Value) error {
	s := textOf(args[1])
	n, _ := args[0].Unmark()
	if n.IsNull() || !n.IsKnown() || n.Type() != cty.Number {
		return nil
	}
	f, _ := n.AsBigFloat().Float64()
	return within(float64(len(s)) + f*float64(strings.Count(s, "\n")+1))
}

func joinSize(args []cty.Value) error {
	total := 0.0
	for _, a := range args[1:] {
		bytes, elements := sizeOf(a)
		total += float64(bytes) + float64(elements)*float64(len(textOf(args[0])))
	}
	return within(total)
}

func productSize(args []cty.Value) error {
	n := 1.0
	for _, a := range args {
		a, _ = a.Unmark()
		if a.IsKnown() && !a.IsNull() && a.CanIterateElements() {
			n *= float64(a.LengthInt())
		}
	}
	if n *= float64(len(args)); n > maxValues/10 {
		return fmt.Errorf("the product would have more than %d elements", maxValues/10)
	}
	return nil
}

func replaceSize(args []cty.Value) error {
	s, old, repl := textOf(args[0]), textOf(args[1]), textOf(args[2])
	return within(float64(len(s)) + float64(strings.Count(s, old))*float64(len(repl)))
}

// regexReplaceSize allows for a replacement such as $0$0$0, which repeats
// what was matched.
func regexReplaceSize(args []cty.Value) error {
	s, repl := textOf(args[0]), textOf(args[2])
	if err := regexCost([]cty.Value{args[1], args[0]}); err != nil {
		return err
	}
	return within(1.5 * float64(len(s)+1) * float64(len(repl)+1))
}

// regexCost bounds the product that RE2 promises to be the time of a match.
func regexCost(args []cty.Value) error {
	pattern, text := textOf(args[0]), textOf(args[1])
	n, err := programSize(pattern)
	if err != nil && len(pattern) <= maxPattern {
		return nil // the function itself says it better
	} else if err != nil {
		return err
	}
	if float64(n)*float64(len(text)) > maxMatch {
		return fmt.Errorf("the pattern and the text are too large together")
	}
	return nil
}

// programSize is the number of instructions of a compiled regular expression.
func programSize(pattern string) (int, error) {
	if len(pattern) > maxPattern {
		return 0, fmt.Errorf("pattern has %d bytes, more than %d", len(pattern), maxPattern)
	}
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	prog, err := syntax.Compile(re.Simplify())
	if err != nil {
		return 0, err
	}
	return len(prog.Inst), nil
}
