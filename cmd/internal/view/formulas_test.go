package view

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// target is an output tensor made of one position of a source.
func target(name, source string, at ...int) plan.Tensor {
	s := &plan.Source{From: "ft", Name: source}
	for i, p := range at {
		s.Index = append(s.Index, plan.At{Axis: i, Pos: p})
	}
	return plan.Tensor{Name: name, DType: tensor.Float32, Shape: tensor.Shape{8}, Expr: s}
}

var block = regexp.MustCompile(`(?m)^  (\S+)  float32 \[8\]((?:, [ijk] = \d+ to \d+)*)\n    = (.*)$`)
var letter = regexp.MustCompile(`([ijk]) = (\d+) to (\d+)`)

// expand reads what is printed back into a line for each tensor.
func expand(t *testing.T, text string) (out []string) {
	t.Helper()
	for _, m := range block.FindAllStringSubmatch(text, -1) {
		lines := []string{m[1] + " = " + m[3]}
		for _, l := range letter.FindAllStringSubmatch(m[2], -1) {
			from, _ := strconv.Atoi(l[2])
			to, _ := strconv.Atoi(l[3])
			var more []string
			for _, s := range lines {
				for n := from; n <= to; n++ {
					more = append(more, strings.ReplaceAll(s, "{"+l[1]+"}", fmt.Sprint(n)))
				}
			}
			lines = more
		}
		out = append(out, lines...)
	}
	slices.Sort(out)
	return out
}

// Tensors that are shown together are exactly those of the plan, whatever is
// odd about their numbers.
func TestFormulas(t *testing.T) {
	var p plan.Plan
	for l := range 4 {
		p.Tensors = append(p.Tensors, target(fmt.Sprintf("layers.%d.q", l), "q", l))                 // follows
		p.Tensors = append(p.Tensors, target(fmt.Sprintf("layers.%d.k", l), "k", 3-l))               // turned round
		p.Tensors = append(p.Tensors, target(fmt.Sprintf("layers.%d.v", 2*l), "v", 2*l))             // gaps
		p.Tensors = append(p.Tensors, target(fmt.Sprintf("layers.%d.o", l), fmt.Sprintf("o_%d", l))) // in the source's name
		p.Tensors = append(p.Tensors, target(fmt.Sprintf("layers.%d.same", l), "same", 7))           // one for all
		for e := range 3 {
			p.Tensors = append(p.Tensors, target(fmt.Sprintf("layers.%d.experts.%d.w", l, e), "w", e, l))
			if l != 2 || e != 1 {
				p.Tensors = append(p.Tensors, target(fmt.Sprintf("layers.%d.experts.%d.hole", l, e), "hole", e, l))
			}
		}
	}
	p.Tensors = append(p.Tensors, target("x.007", "x", 7), target("lone.3", "y"))
	var want []string
	for i := range p.Tensors {
		want = append(want, p.Tensors[i].Name+" = "+plan.String(p.Tensors[i].Expr))
	}
	slices.Sort(want)
	var b strings.Builder
	(&Text{}).writeFormulas(&b, &p)
	if d := cmp.Diff(want, expand(t, b.String())); d != "" {
		t.Errorf("%s\n%s", d, &b)
	}
	if n := len(block.FindAllString(b.String(), -1)); n != 1+4+4+1+1+1+11+2 {
		t.Errorf("%d formulas\n%s", n, &b)
	}
	if want := "  layers.{i}.experts.{j}.w  float32 [8], i = 0 to 3, j = 0 to 2\n    = \"w\"[{j}, {i}]\n"; !strings.Contains(b.String(), want) {
		t.Errorf("no %s in\n%s", want, &b)
	}
}
