package plan

import (
	"fmt"

	"github.com/loraconv/loraconv/core/tensor"
)

// types reports whether the piece may be computed and written as t.DType.
func (c *checker) types(t *Tensor, p *Piece) error {
	arith := len(p.Steps) > 0
	if p.Leaf == nil {
		if t.DType.Kind() != tensor.KindFloat && (arith || p.Value != 0) {
			return fmt.Errorf("%s cannot hold the constant", t.DType)
		}
		return encodable(t.DType, t.DType)
	}
	src, err := c.m.Lookup(p.Leaf.Source)
	if err != nil {
		return err
	}
	for _, term := range p.Leaf.Terms {
		arith = true
		for _, s := range []*Source{term.A, term.B} {
			f, err := c.m.Lookup(s)
			if err != nil {
				return err
			}
			if !computable(f.DType) {
				return fmt.Errorf("arithmetic on %q, which is %s, is not supported; wanted a float of at most 32 bits", s.Name, f.DType)
			}
		}
	}
	if arith && !computable(src.DType) {
		return fmt.Errorf("arithmetic on %q, which is %s, is not supported; wanted a float of at most 32 bits", src.Name, src.DType)
	}
	from := src.DType
	if arith {
		from = tensor.Float32
	}
	if err := encodable(from, t.DType); err != nil {
		return fmt.Errorf("%q: %w", src.Name, err)
	}
	return nil
}

func computable(d tensor.DType) bool { return d.Kind() == tensor.KindFloat && d != tensor.Float64 }

// encodable reports whether values of type from may be written as type to.
func encodable(from, to tensor.DType) error {
	if from == to {
		if to.Safetensors() == "" {
			return fmt.Errorf("safetensors cannot hold %s", to)
		}
		return nil
	}
	if from.Kind() != tensor.KindFloat {
		return fmt.Errorf("%s values are moved, never converted to %s", from, to)
	}
	switch to {
	case tensor.Float32, tensor.BFloat16, tensor.Float16:
		return nil
	}
	return fmt.Errorf("a conversion from %s to %s is not supported", from, to)
}
