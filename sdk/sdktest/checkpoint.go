package sdktest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
)

// Array is values in C order: the last axis varies fastest.
type Array struct {
	Shape  tensor.Shape
	Values []float64
}

// At is the value at an index, one position for each axis. It panics where the
// shape has no such element.
func (a Array) At(index ...int) float64 { return a.Values[offset(a.Shape, index)] }

func offset(s tensor.Shape, index []int) int {
	if len(index) != len(s) {
		panic(fmt.Sprintf("index %v on shape %v", index, s))
	}
	i := 0
	for x, n := range s {
		if index[x] < 0 || index[x] >= n {
			panic(fmt.Sprintf("index %v on shape %v", index, s))
		}
		i = i*n + index[x]
	}
	return i
}

// Checkpoint is a tiny checkpoint that is built in code. The same calls give
// the same values.
type Checkpoint struct {
	params map[string]param
	random *rand.Rand
}

type param struct {
	Array
	dtype tensor.DType
}

// NewCheckpoint begins a checkpoint without parameters.
func NewCheckpoint(seed uint64) *Checkpoint {
	return &Checkpoint{params: map[string]param{}, random: rand.New(rand.NewPCG(seed, 0))}
}

// Add adds a parameter of type float32, bfloat16 or float16, with values
// between -1 and 1 that each of these types holds exactly: multiples of 1/64.
func (c *Checkpoint) Add(name string, d tensor.DType, dims ...int) *Checkpoint {
	a := Array{Shape: tensor.Shape(dims)}
	for range a.Shape.Elements() {
		a.Values = append(a.Values, float64(c.random.IntN(129)-64)/64)
	}
	return c.Set(name, d, a)
}

// Set adds a parameter with given values, which its type must hold exactly:
// WriteSafetensors says where one does not. It panics where the name is taken or
// the values are not as many as the shape has elements.
func (c *Checkpoint) Set(name string, d tensor.DType, a Array) *Checkpoint {
	if _, ok := c.params[name]; ok || len(a.Values) != a.Shape.Elements() {
		panic(fmt.Sprintf("%q is there already, or has %d values for shape %v", name, len(a.Values), a.Shape))
	}
	c.params[name] = param{a, d}
	return c
}

// Array returns a parameter's values, the checkpoint's own and no copy. It
// panics where there is no such parameter.
func (c *Checkpoint) Array(name string) Array {
	p, ok := c.params[name]
	if !ok {
		panic(fmt.Sprintf("no parameter %q", name))
	}
	return p.Array
}

// Manifest is what the host would read of the checkpoint, sorted by name.
func (c *Checkpoint) Manifest() *manifest.Manifest {
	m := &manifest.Manifest{Format: "safetensors", Tree: ".", Fingerprint: strings.Repeat("0", 64)}
	for name, p := range c.params {
		m.Tensors = append(m.Tensors, manifest.Tensor{Name: name, Path: []string{name}, DType: p.dtype, Shape: p.Shape, Chunks: 1})
	}
	m.Sort()
	return m
}

// WriteSafetensors writes the checkpoint as dir/model.safetensors, which
// loraconv reads as a source.
func (c *Checkpoint) WriteSafetensors(dir string) error {
	type entry struct {
		DType   string       `json:"dtype"`
		Shape   tensor.Shape `json:"shape"`
		Offsets [2]int       `json:"data_offsets"`
	}
	header, data := map[string]entry{}, []byte(nil)
	for _, t := range c.Manifest().Tensors {
		p := c.params[t.Name]
		b, err := encode(p)
		if err != nil {
			return fmt.Errorf("%q: %w", t.Name, err)
		}
		header[t.Name] = entry{p.dtype.Safetensors(), p.Shape, [2]int{len(data), len(data) + len(b)}}
		data = append(data, b...)
	}
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file := append(binary.LittleEndian.AppendUint64(nil, uint64(len(text))), text...)
	return os.WriteFile(filepath.Join(dir, "model.safetensors"), append(file, data...), 0o644)
}

func encode(p param) ([]byte, error) {
	single := make([]float32, len(p.Values))
	for i, v := range p.Values {
		if single[i] = float32(v); float64(single[i]) != v {
			return nil, fmt.Errorf("%v is no float32", v)
		}
	}
	b, back := make([]byte, len(single)*p.dtype.Size()), make([]float32, len(single))
	if err := tensor.EncodeFloat32(b, single, p.dtype); err != nil {
		return nil, err
	}
	if err := tensor.DecodeFloat32(back, b, p.dtype); err != nil {
		return nil, err
	}
	for i := range back {
		if math.Float32bits(back[i]) != math.Float32bits(single[i]) {
			return nil, fmt.Errorf("%v is no %s", single[i], p.dtype)
		}
	}
	return b, nil
}
