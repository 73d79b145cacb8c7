package plan

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/tensor"
)

// The LoRA equations of the two frameworks, with the part of each label by
// hand: what is in both operands and the result is a batch, and so on.
func TestEinsumClasses(t *testing.T) {
	type classes = map[string]Class
	for _, c := range []struct {
		name, text string
		a, b, out  tensor.Shape
		want       classes
		sizes      map[string]int
	}{
		// OpenPI, models/lora.py: one layer.
		{"query", "n d r, n r h -> n d h", tensor.Shape{8, 20, 4}, tensor.Shape{8, 4, 16}, tensor.Shape{8, 20, 16},
			classes{"n": Batch, "d": Left, "r": Contracted, "h": Right}, map[string]int{"n": 8, "d": 20, "r": 4, "h": 16}},
		{"key and value, stacked", "l c k d r, l c k r h -> l c k d h", tensor.Shape{3, 2, 1, 20, 4}, tensor.Shape{3, 2, 1, 4, 16}, tensor.Shape{3, 2, 1, 20, 16},
			classes{"l": Batch, "c": Batch, "k": Batch, "d": Left, "r": Contracted, "h": Right}, map[string]int{"l": 3, "c": 2, "k": 1, "d": 20, "r": 4, "h": 16}},
		{"attention output", "n h r, m r d -> n h d", tensor.Shape{8, 16, 4}, tensor.Shape{8, 4, 20}, tensor.Shape{8, 16, 20},
			classes{"n": Left, "h": Left, "r": Contracted, "m": SumB, "d": Right}, map[string]int{"n": 8, "h": 16, "r": 4, "m": 8, "d": 20}},
		{"gating", "g d r, g r f -> g d f", tensor.Shape{2, 20, 4}, tensor.Shape{2, 4, 64}, tensor.Shape{2, 20, 64},
			classes{"g": Batch, "d": Left, "r": Contracted, "f": Right}, map[string]int{"g": 2, "d": 20, "r": 4, "f": 64}},
		{"linear", "f r, r d -> f d", tensor.Shape{64, 4}, tensor.Shape{4, 20}, tensor.Shape{64, 20},
			classes{"f": Left, "r": Contracted, "d": Right}, map[string]int{"f": 64, "r": 4, "d": 20}},
		// MaxText: kernels of several axes are flattened in the factors.
		{"query, flattened", "d r, r (n h) -> d n h", tensor.Shape{20, 4}, tensor.Shape{4, 128}, tensor.Shape{20, 8, 16},
			classes{"d": Left, "r": Contracted, "n": Right, "h": Right}, map[string]int{"d": 20, "r": 4, "n": 8, "h": 16}},
		{"out, flattened", "(n h) r, r d -> n h d", tensor.Shape{128, 4}, tensor.Shape{4, 20}, tensor.Shape{8, 16, 20},
			classes{"n": Left, "h": Left, "r": Contracted, "d": Right}, map[string]int{"n": 8, "h": 16, "r": 4, "d": 20}},
		{"out, stacked", "(n h) l r, r l d -> n l h d", tensor.Shape{128, 3, 4}, tensor.Shape{4, 3, 20}, tensor.Shape{8, 3, 16, 20},
			classes{"n": Left, "h": Left, "l": Batch, "r": Contracted, "d": Right}, map[string]int{"n": 8, "h": 16, "l": 3, "r": 4, "d": 20}},
		{"experts in, A shared", "d r, r e f -> e d f", tensor.Shape{20, 4}, tensor.Shape{4, 5, 64}, tensor.Shape{5, 20, 64},
			classes{"d": Left, "r": Contracted, "e": Right, "f": Right}, map[string]int{"d": 20, "r": 4, "e": 5, "f": 64}},
		{"experts out, B shared", "e f r, r d -> e f d", tensor.Shape{5, 64, 4}, tensor.Shape{4, 20}, tensor.Shape{5, 64, 20},
			classes{"e": Left, "f": Left, "r": Contracted, "d": Right}, map[string]int{"e": 5, "f": 64, "r": 4, "d": 20}},
		{"norm", "d r, r -> d", tensor.Shape{20, 4}, tensor.Shape{4}, tensor.Shape{20},
			classes{"d": Left, "r": Contracted}, map[string]int{"d": 20, "r": 4}},
		// Not a framework's: a sum within a, and an axis of size 1.
		{"sum in a", "k d r, r f -> d 1 f", tensor.Shape{3, 20, 4}, tensor.Shape{4, 64}, tensor.Shape{20, 1, 64},
			classes{"k": SumA, "d": Left, "r": Contracted, "f": Right}, map[string]int{"k": 3, "d": 20, "r": 4, "f": 64}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := ParseEinsum(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, e.Class); d != "" {
				t.Errorf("classes: %s", d)
			}
			if e.String() != c.text {
				t.Errorf("prints as %q", e)
			}
			sizes, err := e.Bind(c.a, c.b, c.out)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.sizes, sizes); d != "" {
				t.Errorf("sizes: %s", d)
			}
		})
	}
}

func TestEinsumRefusals(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a b, b c", `einsum "a b, b c" has no "->"`},
		{"a b -> a b", `einsum "a b -> a b" must have two operands`},
		{"a, b, c -> a", `einsum "a, b, c -> a" must have two operands`},
		{"a a, b -> a", `einsum "a a, b -> a": axes "a a": label "a" stands twice`},
		{"a b, b c -> a z", `einsum "a b, b c -> a z": label "z" of the output is in no operand`},
		{"a (b, b c -> a c", `einsum "a (b, b c -> a c": axes "a (b": '(' is not closed`},
		{"a ((b)), b -> a", `einsum "a ((b)), b -> a": axes "a ((b))": groups cannot be nested`},
		{"a-, b -> a", `einsum "a-, b -> a": axes "a-": unexpected '-'`},
	} {
		_, err := ParseEinsum(c.text)
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: %v, wanted %s", c.text, err, c.want)
		}
	}
}

func TestBindDisagreements(t *testing.T) {
	for _, c := range []struct {
		text      string
		a, b, out tensor.Shape
		want      string
	}{
		{"d r, r h -> d h", tensor.Shape{20, 4}, tensor.Shape{5, 16}, tensor.Shape{20, 16}, `einsum "d r, r h -> d h", b: axis 0 (r) has size 5, wanted 4`},
		{"d r, r h -> d h", tensor.Shape{21, 4}, tensor.Shape{4, 16}, tensor.Shape{20, 16}, `einsum "d r, r h -> d h", a: axis 0 (d) has size 21, wanted 20`},
		{"d r, r h -> d h", tensor.Shape{20, 4, 1}, tensor.Shape{4, 16}, tensor.Shape{20, 16}, `einsum "d r, r h -> d h", a: axes "d r" are 2, the shape [20, 4, 1] has 3`},
		{"d r, r (n h) -> d n h", tensor.Shape{20, 4}, tensor.Shape{4, 127}, tensor.Shape{20, 8, 16}, `einsum "d r, r (n h) -> d n h", b: axis 1 (n h) has size 127, wanted 128`},
		{"d r, r (n h) -> d (n h)", tensor.Shape{20, 4}, tensor.Shape{4, 128}, tensor.Shape{20, 128}, `einsum "d r, r (n h) -> d (n h)", b: axis 1 of "r (n h)" on shape [4, 128]: the sizes of "n" and "h" are both unknown`},
		{"d r, r h -> d 1 h", tensor.Shape{20, 4}, tensor.Shape{4, 16}, tensor.Shape{20, 2, 16}, `einsum "d r, r h -> d 1 h", the result: axis 1 (1) has size 2, wanted 1`},
		{"n h r, m r d -> n h d", tensor.Shape{8, 16, 4}, tensor.Shape{8, 4, 20}, tensor.Shape{8, 16, 21}, `einsum "n h r, m r d -> n h d", b: axis 2 (d) has size 20, wanted 21`},
	} {
		e, err := ParseEinsum(c.text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = e.Bind(c.a, c.b, c.out)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s on %v, %v, %v:\n  %v\nwanted\n  %s", c.text, c.a, c.b, c.out, err, c.want)
		}
	}
}

// Long texts are refused before anything is compared in pairs.
func TestPatternLimits(t *testing.T) {
	for _, s := range []string{
		strings.Repeat("a ", 40), "(" + strings.Repeat("a ", 40) + ")", strings.Repeat("(a b c d) ", 20), strings.Repeat("a", 5000),
	} {
		var b strings.Builder // distinct labels
		for i, c := range s {
			b.WriteRune(c)
			if c == 'a' {
				b.WriteString(strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)))
			}
		}
		if _, err := ParseAxes(b.String()); err == nil {
			t.Errorf("%.30q… was read", b.String())
		}
	}
}

func FuzzEinsum(f *testing.F) {
	for _, s := range []string{"n h r, m r d -> n h d", "d r, r (n h) -> d n h", "d r, r -> d", "k d r, r f -> d 1 f", "a,->", ",->"} {
		f.Add(s, uint64(1))
	}
	f.Fuzz(func(t *testing.T, s string, seed uint64) {
		e, err := ParseEinsum(s)
		if err != nil {
			return
		}
		again, err := ParseEinsum(e.String())
		if err != nil || !cmp.Equal(e, again) {
			t.Fatalf("%q prints as %q: %v", s, e, err)
		}
		for _, l := range e.Out.Labels() {
			if c := e.Class[l]; c != Batch && c != Left && c != Right {
				t.Fatalf("%q: label %q of the result has class %d", s, l, c)
			}
		}
		r := rand.New(rand.NewPCG(seed, 0))
		shape := func(a Axes) tensor.Shape {
			out := tensor.Shape{}
			for range a {
				out = append(out, r.IntN(4))
			}
			return out
		}
		e.Bind(shape(e.A), shape(e.B), shape(e.Out))
	})
}

func FuzzPattern(f *testing.F) {
	for _, s := range []string{"n h d -> d (n h)", "1 a -> a", "(a b) c -> c 1 b a", "->"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePattern(s)
		if err != nil {
			return
		}
		again, err := ParsePattern(p.String())
		if err != nil || !cmp.Equal(p, again) {
			t.Fatalf("%q prints as %q: %v", s, p, err)
		}
	})
}
