package safetensors

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/store"
)

const (
	weightsSuffix = ".safetensors"
	indexSuffix   = ".safetensors.index.json"
	maxIndex      = 64 << 20
)

// Index is what a *.safetensors.index.json says.
type Index struct {
	Shards map[string]string // tensor -> file, a plain name
	// TotalSize is the bytes of all tensors, as announced, or -1 if that is
	// missing or no integer: writers are not of one mind on it.
	TotalSize int64
}

// ParseIndex reads an index, which is
//
//	{"metadata": {"total_size": 16, ...}, "weight_map": {"name": "file", ...}}
//
// Other members are passed over; a key that stands twice is an error.
func ParseIndex(js []byte) (*Index, error) {
	if len(js) > maxIndex {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(js), maxIndex)
	}
	t, err := newTokens(js)
	if err != nil {
		return nil, err
	}
	x := &Index{TotalSize: -1}
	err = t.object(func(key string) error {
		switch key {
		case "weight_map":
			return x.weightMap(t)
		case "metadata":
			return x.metadata(t)
		}
		_, err := t.skip()
		return err
	})
	if err != nil {
		return nil, err
	}
	if x.Shards == nil {
		return nil, errors.New("it has no weight_map")
	}
	return x, t.end(js, " \t\r\n")
}

func (x *Index) weightMap(t *tokens) error {
	x.Shards = map[string]string{}
	return t.object(func(name string) error {
		file, err := t.text("the file of " + strconv.Quote(name))
		if err != nil {
			return err
		}
		if err := checkName(name); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		if strings.Contains(file, "/") || !strings.HasSuffix(file, weightsSuffix) || store.CheckName(file) != nil {
			return fmt.Errorf("tensor %q is said to be in %q, which is no plain name of a %s file", name, file, weightsSuffix)
		}
		x.Shards[name] = file
		return nil
	})
}

func (x *Index) metadata(t *tokens) error {
	return t.object(func(key string) error {
		v, err := t.skip()
		if n, ok := v.(json.Number); ok && key == "total_size" {
			if size, nerr := strconv.ParseUint(n.String(), 10, 62); nerr == nil {
				x.TotalSize = int64(size)
			}
		}
		return err
	})
}

// Files returns the shards' names, sorted.
func (x *Index) Files() []string {
	files := map[string]bool{}
	for _, f := range x.Shards {
		files[f] = true
	}
	return slices.Sorted(maps.Keys(files))
}
