package zarr

import (
	"slices"

	"github.com/loraconv/loraconv/core/store/orbax/internal/strictjson"
	"github.com/loraconv/loraconv/core/tensor"
)

// codec is a step from bytes to bytes.
type codec uint8

const (
	codecZstd codec = iota
	codecGzip
	codecZlib
	codecBzip2
	codecBlosc
	codecCRC32C
)

var codecNames = map[string]codec{
	"zstd": codecZstd, "gzip": codecGzip, "zlib": codecZlib, "bz2": codecBzip2, "blosc": codecBlosc, "crc32c": codecCRC32C,
}

// codecSpec is one codec of a version 3 chain as it is written down.
type codecSpec struct {
	name     string
	order    []int  // transpose; nil for "C"
	reverse  bool   // transpose "F"
	endian   string // bytes
	shape    tensor.Shape
	codecs   []codecSpec // sharding_indexed: of the inner chunks
	index    []codecSpec // sharding_indexed: of the index
	location string      // sharding_indexed
}

func readChain(j *strictjson.Decoder, nesting int) ([]codecSpec, error) {
	var out []codecSpec
	if nesting > maxNesting {
		return nil, unsupported("shards nested more than %d deep", maxNesting)
	}
	err := j.Array(func(i int) error {
		if i >= maxCodecs {
			return unsupported("more than %d codecs", maxCodecs)
		}
		s := codecSpec{location: "end"}
		name, err := readNamed(j, func(c *strictjson.Decoder, name, member string) error {
			return s.readMember(c, name, member, nesting)
		})
		s.name = name
		out = append(out, s)
		return err
	})
	return out, err
}

func (s *codecSpec) readMember(j *strictjson.Decoder, name, member string, nesting int) (err error) {
	switch name + "." + member {
	case "transpose.order":
		err = s.readOrder(j)
	case "bytes.endian":
		s.endian, err = j.String()
	case "sharding_indexed.chunk_shape":
		s.shape, err = readShape(j)
	case "sharding_indexed.codecs":
		s.codecs, err = readChain(j, nesting+1)
	case "sharding_indexed.index_codecs":
		s.index, err = readChain(j, nesting+1)
	case "sharding_indexed.index_location":
		s.location, err = j.String()
	default:
		// Parameters of the encoder: a decoder needs none of them.
		if _, ok := codecNames[name]; !ok {
			return unsupported("member %q of codec %q", member, name)
		}
		err = j.Skip()
	}
	return err
}

func (s *codecSpec) readOrder(j *strictjson.Decoder) error {
	k, err := j.Peek()
	if err != nil {
		return err
	}
	if k == strictjson.Array {
		s.order, err = j.Ints(tensor.MaxRank)
		return err
	}
	word, err := j.String()
	if err == nil && word != "C" && word != "F" {
		err = corrupt("transpose order %q", word)
	}
	s.reverse = word == "F"
	return err
}

// applyChain works out how chunks of the given shape are stored: axis i of
// shape is axis order[i] of the array. A chain is any number of transposes,
// then bytes or sharding_indexed, then codecs from bytes to bytes.
func (a *Array) applyChain(chain []codecSpec, shape tensor.Shape, order []int) error {
	for len(chain) > 0 && chain[0].name == "transpose" {
		perm, err := chain[0].permutation(len(shape))
		if err != nil {
			return err
		}
		shape, order = permute(shape, perm), permute(order, perm)
		chain = chain[1:]
	}
	if len(chain) == 0 {
		return corrupt("a chain of codecs without \"bytes\" or \"sharding_indexed\"")
	}
	head, rest := chain[0], chain[1:]
	switch head.name {
	case "bytes":
		return a.applyBytes(head, rest, shape, order)
	case "sharding_indexed":
		if len(rest) > 0 {
			return unsupported("codec %q behind sharding_indexed", rest[0].name)
		}
		s, err := newShard(head, shape, order)
		if err != nil {
			return err
		}
		a.shards = append(a.shards, s)
		return a.applyChain(head.codecs, head.shape, order)
	default:
		return unsupported("codec %q in this place", head.name)
	}
}

func (a *Array) applyBytes(head codecSpec, rest []codecSpec, shape tensor.Shape, order []int) error {
	big, err := head.bigEndian(component(a.DType))
	if err != nil {
		return err
	}
	a.big, a.order = big, order
	a.Leaf = make(tensor.Shape, len(shape))
	for i, axis := range order {
		a.Leaf[axis] = shape[i]
	}
	for _, s := range rest {
		c, ok := codecNames[s.name]
		if !ok {
			return unsupported("codec %q in this place", s.name)
		}
		a.codecs = append(a.codecs, c)
	}
	return nil
}

func (s *codecSpec) bigEndian(size int) (bool, error) {
	switch {
	case s.endian == "little", s.endian == "" && size == 1:
		return false, nil
	case s.endian == "big":
		return true, nil
	default:
		return false, corrupt("endian %q of codec \"bytes\"", s.endian)
	}
}

// permutation returns the order of a transpose: encoded axis i is decoded axis
// order[i].
func (s *codecSpec) permutation(rank int) ([]int, error) {
	perm := s.order
	if perm == nil {
		for i := range rank {
			perm = append(perm, i)
		}
		if s.reverse {
			slices.Reverse(perm)
		}
		return perm, nil
	}
	sorted := slices.Sorted(slices.Values(perm))
	for i, n := range sorted {
		if n != i {
			return nil, corrupt("transpose order %v is no permutation", perm)
		}
	}
	if len(perm) != rank {
		return nil, corrupt("transpose order %v for %d axes", perm, rank)
	}
	return perm, nil
}

func permute[S ~[]int](s S, perm []int) S {
	out := make(S, len(s))
	for i, p := range perm {
		out[i] = s[p]
	}
	return out
}
