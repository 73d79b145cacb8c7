package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/tensor"
)

func TestParamName(t *testing.T) {
	for _, c := range []struct {
		path []string
		want string
	}{
		{[]string{"a", "b", "value"}, "a/b"},
		{[]string{"a", "b"}, "a/b"},
		{[]string{"value"}, "value"}, // a name is never empty
		{[]string{"a", "value", "value"}, "a/value"},
		{[]string{"a", "value", "w"}, "a/value/w"},
		{[]string{"a/b", "w"}, "a/b/w"},
		{nil, ""},
	} {
		if got := ParamName(c.path); got != c.want {
			t.Errorf("%q: %q, wanted %q", c.path, got, c.want)
		}
	}
}

func of(names ...string) *Manifest {
	m := &Manifest{}
	for _, n := range names {
		m.Tensors = append(m.Tensors, Tensor{Name: n, DType: tensor.BFloat16, Shape: tensor.Shape{2, 3}})
	}
	m.Sort()
	return m
}

func TestDuplicatesAndLookup(t *testing.T) {
	m := of("b", "a/c", "b", "a", "b", "a/c", "d")
	if d := cmp.Diff([]string{"a/c", "b"}, m.Duplicates()); d != "" {
		t.Error(d)
	}
	if of("a", "b").Duplicates() != nil {
		t.Error("two names are not duplicates")
	}
	for _, n := range []string{"a", "a/c", "b", "d"} {
		if x := m.Lookup(n); x == nil || x.Name != n {
			t.Errorf("%q is not found", n)
		}
	}
	for _, n := range []string{"", "c", "e", "a/"} {
		if x := m.Lookup(n); x != nil {
			t.Errorf("%q is found as %q", n, x.Name)
		}
	}
	if got := m.Bytes(); got != 7*2*3*2 {
		t.Errorf("%d bytes", got)
	}
}

func TestCloneIsDeep(t *testing.T) {
	m := of("a")
	c := m.Clone()
	c.Tensors[0].Shape[0] = 9
	c.Tensors[0].Name = "x"
	if m.Tensors[0].Shape[0] != 2 || m.Tensors[0].Name != "a" {
		t.Error("a change to the clone shows in the original")
	}
}

func TestSuggest(t *testing.T) {
	for _, c := range []struct {
		name string
		from string
		want string
	}{
		{"alpha", "alhpa beta", "alhpa"}, // a swap of neighbours is one edit
		{"alpha", "alpha", ""},           // itself is no suggestion
		{"query", "kernel bias", ""},
		{"ab", "abc abd", "abc"}, // the first of equals by name
		{"ab", "abd abc", "abc"}, // whatever their order
		{"a", "bcd", ""},         // everything would change
		{"q_einsum/w", "k_einsun/w q_einsun/w", "q_einsun/w"},
		{"abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponmlkjihgfedcba", ""},
		{strings.Repeat("a", 40), strings.Repeat("a", 32) + "bbbbbbbb", strings.Repeat("a", 32) + "bbbbbbbb"}, // eight edits
		{strings.Repeat("a", 40), strings.Repeat("a", 31) + "bbbbbbbbb", ""},                                  // nine
	} {
		if got := Suggest(c.name, strings.Fields(c.from)); got != c.want {
			t.Errorf("%q from %s: %q, wanted %q", c.name, c.from, got, c.want)
		}
	}
	from := []string{"b", "a"}
	Suggest("c", from)
	if from[0] != "b" {
		t.Error("the candidates were reordered")
	}
}

// The distance against the definition, computed without a limit.
func TestDistance(t *testing.T) {
	words := []string{"", "a", "ab", "ba", "abc", "acb", "kitten", "sitting", "lora_a", "lora_b", "aabb", "bbaa"}
	for _, a := range words {
		for _, b := range words {
			want := slow(a, b)
			if got := distance(a, b, 100); got != want {
				t.Errorf("%q %q: %d, wanted %d", a, b, got, want)
			}
			for limit := range 9 {
				got := distance(a, b, limit)
				if want <= limit && got != want || want > limit && got <= limit {
					t.Errorf("%q %q within %d: %d, the distance is %d", a, b, limit, got, want)
				}
			}
		}
	}
}

func slow(a, b string) int {
	switch {
	case a == "":
		return len(b)
	case b == "":
		return len(a)
	}
	cost := 1
	if a[len(a)-1] == b[len(b)-1] {
		cost = 0
	}
	x, y := a[:len(a)-1], b[:len(b)-1]
	d := min(slow(x, b)+1, slow(a, y)+1, slow(x, y)+cost)
	if len(a) > 1 && len(b) > 1 && a[len(a)-1] == b[len(b)-2] && a[len(a)-2] == b[len(b)-1] {
		d = min(d, slow(a[:len(a)-2], b[:len(b)-2])+1)
	}
	return d
}
