package plan

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
)

// The naive evaluator: whole arrays, one element at a time, straight from the
// meaning of each node. Values are the flat source positions, so that equality
// shows where each element came from.

type array struct {
	shape tensor.Shape
	v     []int
}

func (a array) at(pos []int) int {
	flat := 0
	for i, st := range a.shape.Strides() {
		flat += pos[i] * st
	}
	return a.v[flat]
}

func each(s tensor.Shape, visit func(pos []int)) {
	if s.Elements() == 0 {
		return
	}
	pos := make([]int, len(s))
	for {
		visit(pos)
		i := len(pos) - 1
		for ; i >= 0; i-- {
			if pos[i]++; pos[i] < s[i] {
				break
			}
			pos[i] = 0
		}
		if i < 0 {
			return
		}
	}
}

func naive(t *testing.T, x Expr, m Manifests) array {
	t.Helper()
	s, err := Infer(x, m)
	if err != nil {
		t.Fatal(err)
	}
	out := array{shape: s}
	switch x := x.(type) {
	case *Source:
		full, _ := m.Lookup(x)
		st := full.Shape.Strides()
		each(s, func(pos []int) {
			flat, k := 0, 0
			for axis := range full.Shape {
				p := -1
				for _, at := range x.Index {
					if at.Axis == axis {
						p = at.Pos
					}
				}
				if p < 0 {
					p, k = pos[k], k+1
				}
				flat += p * st[axis]
			}
			out.v = append(out.v, flat)
		})
	case *Fill:
		each(s, func([]int) { out.v = append(out.v, -1) })
	case *Slice:
		y := naive(t, x.X, m)
		each(s, func(pos []int) {
			q := append([]int{}, pos...)
			q[x.Axis] += x.Start
			out.v = append(out.v, y.at(q))
		})
	case *Concat:
		var ys []array
		for _, y := range x.Xs {
			ys = append(ys, naive(t, y, m))
		}
		each(s, func(pos []int) {
			q := append([]int{}, pos...)
			i := 0
			for q[x.Axis] >= ys[i].shape[x.Axis] {
				q[x.Axis] -= ys[i].shape[x.Axis]
				i++
			}
			out.v = append(out.v, ys[i].at(q))
		})
	case *Rearrange:
		y := naive(t, x.X, m)
		_, sizes, err := rearrangeShape(x, y.shape)
		if err != nil {
			t.Fatal(err)
		}
		p, _ := ParsePattern(x.Pattern)
		each(s, func(pos []int) {
			label := map[string]int{}
			for i, ax := range p.Out {
				rest := pos[i]
				for k := len(ax) - 1; k >= 0; k-- {
					label[ax[k]] = rest % sizes[ax[k]]
					rest /= sizes[ax[k]]
				}
			}
			q := make([]int, len(p.In))
			for i, ax := range p.In {
				for _, l := range ax {
					q[i] = q[i]*sizes[l] + label[l]
				}
			}
			out.v = append(out.v, y.at(q))
		})
	default:
		t.Fatalf("%T", x)
	}
	return out
}

func fromPieces(t *testing.T, ps []Piece, s tensor.Shape) []int {
	t.Helper()
	out := make([]int, s.Elements())
	for i := range out {
		out[i] = -2
	}
	for _, p := range ps {
		var shape tensor.Shape
		for _, d := range p.Dims {
			shape = append(shape, d.Size)
		}
		each(shape, func(pos []int) {
			src, dst := p.Src, p.Dst
			for i, d := range p.Dims {
				src += pos[i] * d.Src
				dst += pos[i] * d.Dst
			}
			if p.Leaf == nil {
				src = -1
			}
			if out[dst] != -2 {
				t.Fatalf("output element %d is made twice", dst)
			}
			out[dst] = src
		})
	}
	return out
}

func sample() Manifests {
	m := &manifest.Manifest{Tensors: []manifest.Tensor{
		{Name: "a", DType: tensor.Float32, Shape: tensor.Shape{3, 4, 6}},
		{Name: "b", DType: tensor.Float32, Shape: tensor.Shape{12, 10}},
		{Name: "c", DType: tensor.Float32, Shape: tensor.Shape{2, 1, 30}},
	}}
	m.Sort()
	return Manifests{"s": m}
}

// grow wraps x in random nodes.
func grow(r *rand.Rand, x Expr, m Manifests, n int) Expr {
	for range n {
		s, err := Infer(x, m)
		if err != nil || len(s) == 0 {
			return x
		}
		axis := r.IntN(len(s))
		switch r.IntN(4) {
		case 0:
			if s[axis] > 1 {
				start := r.IntN(s[axis])
				x = &Slice{X: x, Axis: axis, Start: start, Size: 1 + r.IntN(s[axis]-start)}
			}
		case 1:
			x = &Concat{Xs: []Expr{x, &Slice{X: x, Axis: axis, Start: 0, Size: (s[axis] + 1) / 2}}, Axis: axis}
		default:
			x = randomRearrange(r, x, s)
		}
	}
	return x
}

func randomRearrange(r *rand.Rand, x Expr, s tensor.Shape) Expr {
	var in Axes
	sizes := map[string]int{}
	var labels []string
	for i, n := range s {
		a, b := fmt.Sprintf("x%d", i), fmt.Sprintf("y%d", i)
		f := 1 + r.IntN(6)
		if n%f == 0 && f > 1 {
			in = append(in, []string{a, b})
			sizes[b] = f
			labels = append(labels, a, b)
		} else {
			in = append(in, []string{a})
			labels = append(labels, a)
		}
	}
	r.Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
	var out Axes
	for len(labels) > 0 {
		k := 1 + r.IntN(min(3, len(labels)))
		out = append(out, labels[:k])
		labels = labels[k:]
		if r.IntN(4) == 0 {
			out = append(out, []string{})
		}
	}
	return &Rearrange{X: x, Pattern: Pattern{in, out}.String(), Sizes: sizes}
}

func TestLowerEqualsNaive(t *testing.T) {
	m := sample()
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		leaves := []Expr{
			&Source{From: "s", Name: "a"}, &Source{From: "s", Name: "a", Index: []At{{1, 2}}},
			&Source{From: "s", Name: "b"}, &Source{From: "s", Name: "c", Index: []At{{0, 1}}},
			&Fill{Shape: tensor.Shape{4, 3}},
		}
		x := grow(r, leaves[r.IntN(len(leaves))], m, 1+r.IntN(5))
		want := naive(t, x, m)
		ps, err := Lower(x, m)
		if err != nil {
			t.Fatalf("seed %d: %s: %v", seed, String(x), err)
		}
		got := fromPieces(t, ps, want.shape)
		for i := range got {
			if got[i] != want.v[i] {
				t.Fatalf("seed %d: %s: element %d comes from %d, wanted %d", seed, String(x), i, got[i], want.v[i])
			}
		}
		p := &Plan{Version: Version, Sources: []string{"s"}, Output: Output{File: "o"}, Tensors: []Tensor{{Name: "t", DType: tensor.Float32, Shape: want.shape, Expr: x}}}
		b, err := Encode(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Decode(b); err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, b)
		}
		checkLedger(t, seed, p, m, want.v)
	}
}

// checkLedger compares the ledger's count of unused elements with the naive
// set of source positions, for the one source tensor that x reads.
func checkLedger(t *testing.T, seed uint64, p *Plan, m Manifests, positions []int) {
	t.Helper()
	var name string
	Sources(p.Tensors[0].Expr, func(s *Source) { name = s.Name })
	if name == "" {
		return
	}
	used := map[int]bool{}
	for _, v := range positions {
		if v >= 0 {
			used[v] = true
		}
	}
	ps, err := Lower(p.Tensors[0].Expr, m)
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger(m)
	if err := l.read(ps); err != nil {
		t.Fatal(err)
	}
	s := m["s"].Lookup(name).Shape
	b, err := l.page("s", name).balance(s, newBudget())
	if err == errTooFine {
		return // refused, never guessed
	}
	if err != nil {
		t.Fatal(err)
	}
	if want := s.Elements() - len(used); b.unused != want {
		t.Fatalf("seed %d: %s: %d elements of %s are unused, wanted %d", seed, String(p.Tensors[0].Expr), b.unused, name, want)
	}
}
