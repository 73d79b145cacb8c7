package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/loraconv/loraconv/cmd/internal/compare"
	"github.com/loraconv/loraconv/core/tensor"
)

// Diff prints a comparison for people.
func Diff(w io.Writer, r *compare.Report) error {
	var b strings.Builder
	names(&b, "Only in A", r.OnlyInA)
	names(&b, "Only in B", r.OnlyInB)
	if len(r.Tensors) > 0 {
		fmt.Fprintf(&b, "Different\n")
		for i := range r.Tensors {
			writeDifference(&b, &r.Tensors[i])
		}
	}
	if len(r.Strings) > 0 {
		fmt.Fprintf(&b, "Different text\n")
		for _, s := range r.Strings {
			fmt.Fprintf(&b, "  %s\n    A %s\n    B %s\n", Printable(s.Name), text(s.A), text(s.B))
		}
	}
	if r.Equal {
		fmt.Fprintf(&b, "equal: %s compared", Count(r.Compared, "tensor"))
		if r.Widened > 0 {
			fmt.Fprintf(&b, "; %d of them have other element types, and values within the tolerance", r.Widened)
		}
		b.WriteByte('\n')
	} else {
		fmt.Fprintf(&b, "not equal: %s compared, %d differ; %d only in A, %d only in B\n", Count(r.Compared, "tensor"), len(r.Tensors), len(r.OnlyInA), len(r.OnlyInB))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func names(b *strings.Builder, title string, list []string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(b, "%s\n", title)
	for _, n := range list {
		fmt.Fprintf(b, "  %s\n", Printable(n))
	}
}

func text(s *string) string {
	if s == nil {
		return "(not there)"
	}
	return Printable(quoted(*s))
}

func writeDifference(b *strings.Builder, t *compare.Tensor) {
	fmt.Fprintf(b, "  %s\n", Printable(t.Name))
	if !t.ShapeA.Equal(t.ShapeB) {
		fmt.Fprintf(b, "    shape %v in A, %v in B\n", t.ShapeA, t.ShapeB)
	}
	if t.DTypeA != t.DTypeB {
		fmt.Fprintf(b, "    type %v in A, %v in B", t.DTypeA, t.DTypeB)
		if t.Elements > 0 && t.Differing == 0 {
			fmt.Fprintf(b, "; all values are equal")
		}
		b.WriteByte('\n')
	}
	if t.Differing == 0 {
		return
	}
	fmt.Fprintf(b, "    %s of %s elements differ", Number(t.Differing), Number(t.Elements))
	if t.MaxAbs > 0 {
		fmt.Fprintf(b, ", by at most %.6g", float64(t.MaxAbs))
	} else if t.NaN == 0 {
		fmt.Fprintf(b, " in their bits, none as a number")
	}
	if t.NaN > 0 {
		fmt.Fprintf(b, "; %s NaN on one side alone", Number(t.NaN))
	}
	fmt.Fprintf(b, "\n    first at %v: %.9g in A, %.9g in B\n", tensor.Shape(t.First), float64(*t.FirstA), float64(*t.FirstB))
}
