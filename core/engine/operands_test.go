package engine

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// TestPlanTerm says which part of the output is one product.
func TestPlanTerm(t *testing.T) {
	type cut struct {
		Swapped bool
		Outer   []outerLabel
		R, C, K int
	}
	for _, tt := range []struct {
		einsum    string
		a, b, out tensor.Shape
		want      cut
	}{
		{"d r, r f -> d f", tensor.Shape{3, 2}, tensor.Shape{2, 5}, tensor.Shape{3, 5}, cut{R: 3, C: 5, K: 2}},
		{"r f, d r -> d f", tensor.Shape{2, 5}, tensor.Shape{3, 2}, tensor.Shape{3, 5}, cut{Swapped: true, R: 3, C: 5, K: 2}},
		{"n h r, m r d -> n h d", tensor.Shape{8, 6, 2}, tensor.Shape{8, 2, 5}, tensor.Shape{8, 6, 5}, cut{R: 48, C: 5, K: 2}},
		{"n d r, n r h -> n d h", tensor.Shape{8, 6, 2}, tensor.Shape{8, 2, 5}, tensor.Shape{8, 6, 5}, cut{Outer: []outerLabel{{8, 12, 10}}, R: 6, C: 5, K: 2}},
		{"d r, r (n h) -> d n h", tensor.Shape{6, 2}, tensor.Shape{2, 20}, tensor.Shape{6, 4, 5}, cut{R: 6, C: 20, K: 2}},
		{"a b r, r c -> a c b", tensor.Shape{3, 4, 2}, tensor.Shape{2, 5}, tensor.Shape{3, 5, 4}, cut{Swapped: true, Outer: []outerLabel{{3, 0, 8}}, R: 5, C: 4, K: 2}},
		{"n r, n r -> n", tensor.Shape{7, 2}, tensor.Shape{7, 2}, tensor.Shape{7}, cut{Outer: []outerLabel{{7, 2, 2}}, R: 1, C: 1, K: 2}},
		{"d r, r f -> d f", tensor.Shape{3, 2}, tensor.Shape{2, 1}, tensor.Shape{3, 1}, cut{Swapped: true, R: 1, C: 3, K: 2}},
		{"d r s, s r f -> d f", tensor.Shape{3, 2, 4}, tensor.Shape{4, 2, 5}, tensor.Shape{3, 5}, cut{R: 3, C: 5, K: 8}},
	} {
		c, err := planTerm(&plan.Term{Einsum: tt.einsum, Scale: 1}, tt.a, tt.b, tt.out)
		if err != nil {
			t.Errorf("%s: %v", tt.einsum, err)
			continue
		}
		if d := cmp.Diff(tt.want, cut{c.swapped, c.outer, c.r, c.c, c.k}, cmp.AllowUnexported(outerLabel{})); d != "" {
			t.Errorf("%s: %s", tt.einsum, d)
		}
	}
}

// TestNeed: what a region needs of operands, as matrices [r, k] and [k, c].
func TestNeed(t *testing.T) {
	tm := &term{r: 30_000, c: 60, k: 16} // 1024 rows are 64 KiB
	for _, tt := range []struct {
		name       string
		lo, hi     []int
		leaf       []int
		rows, cols span
	}{
		{"[d, l, f]", []int{2000, 3, 10}, []int{2100, 4, 30}, []int{60, 0, 1},
			span{width: 16, row: 1024, rows: 2048, cols: 16}, span{width: 60, rows: 16, col: 10, cols: 20}},
		{"the last rows", []int{29_999, 0}, []int{30_000, 60}, []int{60, 1},
			span{width: 16, row: 29_696, rows: 304, cols: 16}, span{width: 60, rows: 16, cols: 60}},
		{"[f, d]", []int{59, 0}, []int{60, 5}, []int{1, 60},
			span{width: 16, rows: 1024, cols: 16}, span{width: 60, rows: 16, col: 59, cols: 1}},
		{"[d, n, h], 6 heads of 10", []int{0, 2, 3}, []int{1, 4, 5}, []int{60, 10, 1},
			span{width: 16, rows: 1024, cols: 16}, span{width: 60, rows: 16, col: 23, cols: 12}},
		{"[d*f]", []int{50}, []int{70}, []int{1},
			span{width: 16, rows: 30_000, cols: 16}, span{width: 60, rows: 16, cols: 60}},
	} {
		rows, cols := tm.need(box{tt.lo, tt.hi}, tt.leaf)
		if rows != tt.rows || cols != tt.cols {
			t.Errorf("%s: rows %+v and columns %+v, wanted %+v and %+v", tt.name, rows, cols, tt.rows, tt.cols)
		}
	}
}

// TestCacheKeepsWhatIsInUse: room is made by dropping the oldest that nobody
// holds, and nothing else.
func TestCacheKeepsWhatIsInUse(t *testing.T) {
	a := &arena{limit: 1 << 20}
	c := &cache{arena: a, limit: 4 * 3000}
	reads := 0
	whole := func(i int) span { return span{operand: i, rows: 10, cols: 100} }
	get := func(i int) []float32 {
		f, err := c.get(whole(i), func(_ span, dst []float32) error {
			reads++
			for k := range dst {
				dst[k] = float32(i)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	held := get(0)
	for i := 1; i < 6; i++ {
		if f := get(i); f[0] != float32(i) || f[999] != float32(i) || held[0] != 0 || held[999] != 0 {
			t.Fatalf("operand %d is %g, the one that is held is %g", i, f[0], held[0])
		}
		c.put(whole(i))
	}
	get(5)
	c.put(whole(5))
	if reads != 6 || c.size > c.limit {
		t.Errorf("%d reads, %d bytes kept of %d", reads, c.size, c.limit)
	}
	get(1) // dropped in the meantime
	c.put(whole(1))
	if reads != 7 {
		t.Errorf("%d reads", reads)
	}
	c.put(whole(0))
	broken := errors.New("broken")
	if _, err := c.get(whole(9), func(span, []float32) error { return broken }); err != broken {
		t.Errorf("error %v", err)
	}
}

// TestCacheCountsPages: what is short takes a whole page.
func TestCacheCountsPages(t *testing.T) {
	a := &arena{limit: 1 << 20}
	c := &cache{arena: a, limit: 64 << 10}
	for i := range 100 {
		s := span{operand: i, rows: 1, cols: 1}
		if _, err := c.get(s, func(span, []float32) error { return nil }); err != nil {
			t.Fatal(err)
		}
		c.put(s)
	}
	kept := 0
	for _, e := range c.entries {
		kept += cap(e.buf)
	}
	if int64(kept) > c.limit || int64(kept) != c.size {
		t.Errorf("%d bytes are kept and %d counted, the limit is %d", kept, c.size, c.limit)
	}
}

// TestNamesAreKeptApart: names of parameters that read like the end of one
// operand and the beginning of the next.
func TestNamesAreKeptApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	names := []string{"x", "y []} {s z", "x []} {s y", "z"}
	arrays := map[string]*array{"w": randomArray(rng, tensor.Float32, tensor.Shape{3, 3}, nil)}
	for _, n := range names {
		arrays[n] = randomArray(rng, tensor.Float32, tensor.Shape{3, 3}, nil)
	}
	l := newLineup(arrays)
	for i := range 2 {
		l.add(t, tensor.Float32, &plan.Merge{Base: src("w"), Terms: []plan.Term{{A: src(names[2*i]), B: src(names[2*i+1]), Einsum: "i r, r o -> i o", Scale: 1}}})
	}
	l.check(t)
}

func TestArenaReuses(t *testing.T) {
	a := &arena{limit: 64 << 10}
	b, err := a.get(40 << 10)
	if err != nil {
		t.Fatal(err)
	}
	b[0] = 1
	a.put(b)
	if c, _ := a.get(38 << 10); &c[0] != &b[0] {
		t.Error("a buffer of about the size is not used again")
	}
	d, _ := a.get(60 << 10)
	a.put(d)
	if a.total > a.limit {
		t.Errorf("%d bytes kept, the limit is %d", a.total, a.limit)
	}
	a.close()
}

// TestArenaSparesLittle: buffers that are a little larger than what is asked for
// are used again, but not so many of them that the ceiling is missed.
func TestArenaSparesLittle(t *testing.T) {
	const large, small, count = 9 << 20, 8 << 20, 12
	a := &arena{limit: count * large}
	take := func(n int) (out [][]byte) {
		for range count {
			b, err := a.get(n)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, b)
		}
		return out
	}
	for _, b := range take(large) {
		a.put(b)
	}
	a.limit = count * small
	held := take(small)
	if more := a.total - count*small; more > maxSpare || more == 0 || more != a.spare {
		t.Errorf("%d bytes are held beyond what was asked for, %d are counted, at most %d may be", more, a.spare, maxSpare)
	}
	for _, b := range held {
		a.put(b)
	}
	if a.spare != 0 {
		t.Errorf("%d bytes are spare when nothing is handed out", a.spare)
	}
	a.close()
}
