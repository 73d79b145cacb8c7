package safetensors

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Shard is one file of a model that is split.
type Shard struct {
	File  string
	Specs []Spec // sorted by name
}

// IndexName is the file that says which tensor is in which shard.
const IndexName = "model.safetensors.index.json"

// SplitShards distributes tensors, sorted by name, over files of at most
// maxBytes bytes of tensors each, headers aside, as Hugging Face counts. A tensor
// that is larger has a file for itself. One file is named model.safetensors,
// several are model-00001-of-0000N.safetensors. The result is a function of
// names, types, shapes and maxBytes alone. maxBytes 0 means one file.
func SplitShards(specs []Spec, maxBytes int64) ([]Shard, error) {
	if maxBytes < 0 {
		return nil, fmt.Errorf("shards of at most %d bytes", maxBytes)
	}
	sorted := slices.Clone(specs)
	slices.SortFunc(sorted, func(a, b Spec) int { return strings.Compare(a.Name, b.Name) })
	shards := []Shard{{}}
	var size int64
	for i, s := range sorted {
		if i > 0 && sorted[i-1].Name == s.Name {
			return nil, fmt.Errorf("tensor %q stands twice", s.Name)
		}
		if err := s.Shape.Check(s.DType); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", s.Name, err)
		}
		n := sizeOf(s)
		last := &shards[len(shards)-1]
		if maxBytes > 0 && size > maxBytes-n && len(last.Specs) > 0 {
			shards = append(shards, Shard{})
			last, size = &shards[len(shards)-1], 0
		}
		last.Specs = append(last.Specs, s)
		size += n
	}
	if len(shards) > 99999 {
		return nil, errors.New("more than 99999 shards")
	}
	for i := range shards {
		shards[i].File = "model.safetensors"
		if len(shards) > 1 {
			shards[i].File = fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		}
	}
	return shards, nil
}

// EncodeIndex writes the index of shards as transformers does: two spaces,
// sorted keys, a final line feed; total_size counts the bytes of the tensors.
func EncodeIndex(shards []Shard) []byte {
	var total int64
	where := map[string]string{}
	for _, s := range shards {
		for _, t := range s.Specs {
			total += sizeOf(t)
			where[t.Name] = s.File
		}
	}
	b := []byte("{\n  \"metadata\": {\n    \"total_size\": ")
	b = strconv.AppendInt(b, total, 10)
	b = append(b, "\n  },\n  \"weight_map\": {"...)
	for i, name := range slices.Sorted(maps.Keys(where)) {
		b = append(comma(b, i), "\n    "...)
		b = append(appendString(b, name), ": "...)
		b = appendString(b, where[name])
	}
	if len(where) > 0 {
		b = append(b, "\n  "...)
	}
	return append(b, "}\n}\n"...)
}
