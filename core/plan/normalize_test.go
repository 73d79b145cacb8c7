package plan

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNormalize(t *testing.T) {
	e, w := src("e"), src("w")
	re := func(x Expr, p string, sizes map[string]int) Expr { return &Rearrange{X: x, Pattern: p, Sizes: sizes} }
	for _, c := range []struct {
		name string
		x    Expr
		want string
	}{
		{"identity", re(e, "a b->a b", nil), `"e"`},
		{"identity with groups", re(re(e, "a b -> (a b)", nil), "c -> c", nil), `rearrange("e", "a b -> (a b)")`},
		{"a size is kept", re(e, "a b -> a b", map[string]int{"a": 10}), `rearrange("e", "a b -> a b", a = 10)`},
		{"there and back", re(re(e, "a b -> b a", nil), "x y -> y x", nil), `"e"`},
		{"three", re(re(re(w, "a b c -> c a b", nil), "a b c -> b a c", nil), "p q r -> r q p", nil), `rearrange("w", "a b c -> b c a")`},
		{"joined, then moved", re(re(w, "a b c -> (a b) c", nil), "y z -> z y", nil), `rearrange("w", "a b c -> c (a b)")`},
		{"moved, then split", re(re(e, "a b -> b a", nil), "b (n h) -> n b h", map[string]int{"h": 2}), `rearrange("e", "(n h) b -> n b h", h = 2)`},
		{"split, names meet", re(re(e, "a b -> b a", nil), "x (a b) -> a x b", map[string]int{"b": 2}), `rearrange("e", "(a_ b_) b -> a_ b b_", b_ = 2)`},
		{"regrouped: left alone", re(re(w, "a b c -> (a b) c", nil), "(p q) z -> p q z", map[string]int{"q": 2}), `rearrange(rearrange("w", "a b c -> (a b) c"), "(p q) z -> p q z", q = 2)`},
		{"an axis of one", re(re(e, "a b -> 1 a b", nil), "s x y -> y (x s)", nil), `rearrange("e", "a b -> b a")`},
		{"factor of one", &Affine{X: e, Mul: 1}, `"e"`},
		{"divisor of one", &Affine{X: e, Div: 1, Add: 2}, `affine("e", add = 2)`},
		{"two factors stay two", &Affine{X: &Affine{X: e, Mul: 2}, Mul: 3}, `affine(affine("e", mul = 2), mul = 3)`},
		{"both factors: left for Check", &Affine{X: e, Mul: 1, Div: 2}, `affine("e", mul = 1, div = 2)`},
		{"concat of concat", &Concat{Xs: []Expr{&Concat{Xs: []Expr{e, e}, Axis: 0}, &Concat{Xs: []Expr{e, e}, Axis: 1}}}, `concat(["e", "e", concat(["e", "e"], axis = 1)], axis = 0)`},
		{"concat of one", &Concat{Xs: []Expr{e}, Axis: 1}, `"e"`},
		{"slice of slice", &Slice{X: &Slice{X: e, Axis: 0, Start: 4, Size: 5}, Axis: 0, Start: 1, Size: 2}, `slice("e", axis = 0, start = 5, size = 2)`},
		{"slice outside: left for Check", &Slice{X: &Slice{X: e, Axis: 0, Start: 4, Size: 2}, Axis: 0, Start: 1, Size: 2}, `slice(slice("e", axis = 0, start = 4, size = 2), axis = 0, start = 1, size = 2)`},
		{"merge of nothing", re(&Merge{Base: e}, "a b -> a b", nil), `"e"`},
		{"einsum's spacing", &Merge{Base: src("w", 0), Terms: []Term{{A: src("a", 0), B: src("b", 0), Einsum: " d  r,(r) h->d h", Scale: 1}}}, `merge("w"[0], "a"[0], "b"[0], "d r, r h -> d h", 1)`},
		{"unreadable: left for Check", re(re(e, "a b -> b", nil), "a b -> b a", nil), `rearrange(rearrange("e", "a b -> b"), "a b -> b a")`},
	} {
		before := String(c.x)
		p := &Plan{Tensors: []Tensor{{Expr: c.x}}}
		Normalize(p)
		if d := cmp.Diff(c.want, String(p.Tensors[0].Expr)); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if String(c.x) != before {
			t.Errorf("%s: the plugin's own nodes were changed", c.name)
		}
	}
}

// Normal form computes the same: against the naive evaluator, on random
// expressions with pointless nodes strewn in. Once normal, it stays.
func TestNormalizeEqualsNaive(t *testing.T) {
	m := sample()
	shorter := 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 2))
		leaves := []Expr{&Source{From: "s", Name: "a"}, &Source{From: "s", Name: "b"}, &Source{From: "s", Name: "c", Index: []At{{0, 1}}}}
		x := grow(r, leaves[r.IntN(len(leaves))], m, 2)
		for range 3 {
			s, err := Infer(x, m)
			if err != nil {
				t.Fatal(err)
			}
			if len(s) > 0 && r.IntN(3) == 0 {
				x = &Concat{Xs: []Expr{x}, Axis: r.IntN(len(s))}
			}
			x = randomRearrange(r, x, s)
		}
		want := naive(t, x, m)
		p := &Plan{Tensors: []Tensor{{Expr: x}}}
		Normalize(p)
		n := p.Tensors[0].Expr
		got := naive(t, n, m)
		if d := cmp.Diff(want.v, got.v); d != "" || !want.shape.Equal(got.shape) {
			t.Fatalf("seed %d: %s became %s", seed, String(x), String(n))
		}
		if len(String(n)) < len(String(x)) {
			shorter++
		}
		Normalize(p)
		if String(p.Tensors[0].Expr) != String(n) {
			t.Fatalf("seed %d: %s is not normal: %s", seed, String(n), String(p.Tensors[0].Expr))
		}
	}
	if shorter < 1000 {
		t.Errorf("only %d of 3000 expressions became shorter", shorter)
	}
}

func TestExplain(t *testing.T) {
	m := small()
	p := good()
	want := []string{
		`float32 [6, 4], by row "merge"`,
		`read "w"[2] of source "s": bfloat16 [3, 4, 6], of which [4, 6]`,
		`add 2 * einsum "d r, r h -> d h" of`,
		`  a: "a"[2] of source "s": float32 [3, 4, 2], of which [4, 2]`,
		`  b: "b"[2] of source "s": float32 [3, 2, 6], of which [2, 6]`,
		`  r = 2 is summed over products of a and b`,
		`  d = 4 comes from a`,
		`  h = 6 comes from b`,
		`rearrange "d h -> h d": [4, 6] becomes [6, 4]`,
		`computed in float32 and kept so`,
	}
	if d := cmp.Diff(want, Explain(&p.Tensors[2], m)); d != "" {
		t.Error(d)
	}
	x := &Concat{Axis: 1, Xs: []Expr{
		&Affine{X: &Slice{X: src("e"), Axis: 0, Start: 2, Size: 3}, Div: 4, Add: -1}, &Fill{Shape: []int{3, 1}, Value: 7}}}
	want = []string{
		`bfloat16 [3, 5], by row "r"`,
		`join 2 parts along axis 1, which gives [3, 5]:`,
		`- part 0`,
		`  read "e" of source "s": float32 [10, 4]`,
		`  take 2 to 4 along axis 0 of [10, 4]: [3, 4]`,
		`  divide by 4, in float32, rounded`,
		`  add -1, in float32, rounded`,
		`- part 1`,
		`  fill [3, 1] with 7: no source is read`,
		`computed in float32, then rounded once to bfloat16`,
	}
	bf := m["s"].Lookup("w").DType
	if d := cmp.Diff(want, Explain(&Tensor{DType: bf, Shape: []int{3, 5}, Rule: "r", Expr: x}, m)); d != "" {
		t.Error(d)
	}
	oneSided := &Merge{Base: src("e"), Terms: []Term{{A: src("e"), B: src("w"), Einsum: "e r, m r d -> e r", Scale: 1}}}
	Explain(&Tensor{Expr: oneSided}, m) // does not bind: said, not panicked
	Explain(&Tensor{Expr: &Source{From: "s", Name: "w", Index: []At{{1 << 40, 0}}}}, m)
}

// Drops of one tensor stand whole first, then by index, then by part.
func TestDropsAreSorted(t *testing.T) {
	drops := []Drop{
		{Name: "x"}, {Name: "x", Part: &Part{0, 1, 1}}, {Name: "x", Part: &Part{0, 1, 2}}, {Name: "x", Part: &Part{0, 2, 1}}, {Name: "x", Part: &Part{1, 0, 1}},
		{Name: "x", Index: []At{{0, 0}}}, {Name: "x", Index: []At{{0, 1}}}, {Name: "y"},
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		p := &Plan{Drops: append([]Drop{}, drops...)}
		r.Shuffle(len(drops), func(i, j int) { p.Drops[i], p.Drops[j] = p.Drops[j], p.Drops[i] })
		p.Sort()
		if d := cmp.Diff(drops, p.Drops); d != "" {
			t.Fatal(d)
		}
	}
}

// Drops that name the same elements have one order, too: a plan has one
// encoding.
func TestEqualDropsAreSorted(t *testing.T) {
	drops := []Drop{
		{From: "s", Name: "big", Reason: "b", Rule: "x"},
		{From: "s", Name: "big", Reason: "a", Rule: "x"},
		{From: "s", Name: "big", Reason: "c", Rule: "w"},
	}
	var want string
	for i := range drops {
		p := good()
		p.Drops = append(slices.Clone(drops[i:]), drops[:i]...)
		got, err := Digest(p)
		if err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = got
		}
		if got != want {
			t.Errorf("with %v first, the digest is %s, wanted %s", drops[i], got, want)
		}
	}
}
