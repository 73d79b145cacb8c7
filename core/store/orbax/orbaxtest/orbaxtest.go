// Package orbaxtest writes directories of parameters in the format of Orbax
// (OCDBT, zarr 2 or 3, zstd) for tests, benchmarks and examples: small ones,
// and ones of many gigabytes, which are streamed. The same parameters give the
// same bytes. TensorStore 0.1.86 reads what it writes; it is not meant for saving
// anything of value. Only testing code imports it.
package orbaxtest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/tensor"
)

// Param is a parameter to write.
type Param struct {
	Path  []string // components; Orbax joins them with dots
	DType tensor.DType
	Shape tensor.Shape
	// Chunk is the shape of a chunk; nil is Shape, in one chunk. With zarr 3 it
	// is the shape of a shard.
	Chunk tensor.Shape
	// Inner is the shape of the chunks within a shard, with zarr 3; nil is Chunk.
	Inner tensor.Shape
	// Data gives the elements of the piece at origin, all of shape (also what
	// lies beyond the parameter): C order, little-endian. A nil reader leaves
	// the piece out.
	Data func(origin []int, shape tensor.Shape) (io.Reader, error)
	// ValueType goes to _METADATA; "" is "jax.Array". With "string" the parameter
	// is Text, and all other fields but Path are ignored.
	ValueType string
	Text      string
}

// Options says how to write.
type Options struct {
	Zarr3        bool
	Uncompressed bool
	// DataFileBytes closes a data file that has grown to it; 0 is 2 GiB.
	DataFileBytes int64
	// ProcessDir puts the values into a database of a process, ocdbt.process_0,
	// as Orbax does, instead of the root's own directory.
	ProcessDir bool
	// NodeEntries bounds the entries of a B-tree node; 0 is no bound. 2 or more
	// gives trees of several levels.
	NodeEntries int
	// AllowMissing leaves out the promise that all chunks are stored.
	AllowMissing bool
	// StepMetadata is written as _CHECKPOINT_METADATA, if not nil.
	StepMetadata []byte
}

// FromBytes makes a Data function of the elements of a whole parameter, C
// order, little-endian. Beyond the parameter there are zeros.
func FromBytes(data []byte, d tensor.DType, whole tensor.Shape) func([]int, tensor.Shape) (io.Reader, error) {
	return func(origin []int, shape tensor.Shape) (io.Reader, error) {
		size := d.Size()
		if len(data) != whole.Elements()*size {
			return nil, fmt.Errorf("%d bytes for shape %v of %v", len(data), whole, d)
		}
		out := make([]byte, shape.Elements()*size)
		strides := whole.Strides()
		at := make([]int, len(shape))
		for e := range shape.Elements() {
			from, inside := 0, true
			for k := range at {
				from += (origin[k] + at[k]) * strides[k]
				inside = inside && origin[k]+at[k] < whole[k]
			}
			if inside {
				copy(out[e*size:], data[from*size:(from+1)*size])
			}
			step(at, shape)
		}
		return bytes.NewReader(out), nil
	}
}

// Write writes the parameters into dir, which is created and must hold nothing
// of the same names. dir is what a reader is given, as a direct checkpoint; as
// a step's item it is dir = step/item, beside which the caller writes the
// step's files.
func Write(dir string, params []Param, o Options) (err error) {
	if o.DataFileBytes == 0 {
		o.DataFileBytes = 2 << 30
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	w := &writer{dir: dir, o: o}
	defer func() { err = errors.Join(err, w.closeFile()) }()
	texts := map[string]string{}
	for _, p := range params {
		if p.ValueType == "string" {
			texts[strings.Join(p.Path, ".")] = p.Text
			continue
		}
		if err := w.param(p); err != nil {
			return fmt.Errorf("parameter %q: %w", strings.Join(p.Path, "/"), err)
		}
	}
	if err := w.database(); err != nil {
		return err
	}
	if len(texts) > 0 {
		doc, err := json.Marshal(texts)
		if err != nil {
			return err
		}
		if err := writeFile(dir, "_strings.json", doc); err != nil {
			return err
		}
	}
	if o.StepMetadata != nil {
		if err := writeFile(dir, "_CHECKPOINT_METADATA", o.StepMetadata); err != nil {
			return err
		}
	}
	return writeFile(dir, "_METADATA", treeMetadata(params, o))
}

// StepMetadata returns a _CHECKPOINT_METADATA document for a step with the
// given items, all of them trees of parameters, and custom metadata (a JSON
// object; nil is an empty one).
func StepMetadata(items []string, custom []byte) []byte {
	handlers := map[string]string{}
	for _, item := range items {
		handlers[item] = "orbax.checkpoint._src.handlers.pytree_checkpoint_handler.PyTreeCheckpointHandler"
	}
	if custom == nil {
		custom = []byte("{}")
	}
	doc, err := json.Marshal(map[string]any{
		"item_handlers": handlers, "metrics": map[string]any{}, "performance_metrics": map[string]any{},
		"init_timestamp_nsecs": 1700000000000000000, "commit_timestamp_nsecs": 1700000001000000000,
		"custom_metadata": json.RawMessage(custom),
	})
	if err != nil {
		panic("orbaxtest: custom metadata is not JSON: " + err.Error())
	}
	return doc
}

func writeFile(dir, name string, data []byte) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// treeMetadata makes _METADATA. The entries stand in the order of params.
func treeMetadata(params []Param, o Options) []byte {
	var b strings.Builder
	b.WriteString(`{"tree_metadata": {`)
	for i, p := range params {
		if i > 0 {
			b.WriteString(", ")
		}
		var label, keys []string
		for _, k := range p.Path {
			label = append(label, "'"+k+"'")
			keys = append(keys, fmt.Sprintf(`{"key": %s, "key_type": 2}`, quote(k)))
		}
		if len(label) == 1 {
			label = append(label, "")
		}
		kind, shape := p.ValueType, ""
		if kind == "" {
			kind = "jax.Array"
			if s := p.chunk(); tiles(p.Shape, s) {
				shape = fmt.Sprintf(`, "write_shape": %s`, ints(s))
			}
		}
		fmt.Fprintf(&b, `%s: {"key_metadata": [%s], "value_metadata": {"value_type": %s, "skip_deserialize": false%s}}`,
			quote("("+strings.TrimSuffix(strings.Join(label, ", "), " ")+")"), strings.Join(keys, ", "), quote(kind), shape)
	}
	fmt.Fprintf(&b, `}, "use_ocdbt": true, "use_zarr3": %t, "store_array_data_equal_to_fill_value": %t, "custom_metadata": null}`, o.Zarr3, !o.AllowMissing)
	return []byte(b.String())
}

func tiles(shape, chunk tensor.Shape) bool {
	for i := range shape {
		if shape[i]%chunk[i] != 0 {
			return false
		}
	}
	return true
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func ints(s []int) string {
	parts := make([]string, len(s))
	for i, n := range s {
		parts[i] = strconv.Itoa(n)
	}
	return "[" + strings.Join(parts, ",") + "]"
}

// chunk returns the shape of the parameter's chunks.
func (p *Param) chunk() tensor.Shape {
	if p.Chunk != nil {
		return p.Chunk
	}
	s := slices.Clone(p.Shape)
	for i := range s {
		s[i] = max(1, s[i])
	}
	return s
}

func step(at, grid []int) {
	for k := len(at) - 1; k >= 0; k-- {
		if at[k]++; at[k] < grid[k] {
			return
		}
		at[k] = 0
	}
}
