// Package manifest says what a source holds: the names, element types and
// shapes of its parameters, its side files, its metadata and a fingerprint.
// It is what a plugin is given; it opens no file and reads no weight.
package manifest

import (
	"encoding/json"
	"slices"
	"sort"
	"strings"

	"github.com/loraconv/loraconv/core/tensor"
)

// Manifest describes one tree of parameters: one PyTree directory of an Orbax
// checkpoint, or one directory of safetensors files.
type Manifest struct {
	Format   string   `json:"format"`             // "orbax", "safetensors" or "peft"
	Layout   []string `json:"layout,omitempty"`   // facts about the storage, e.g. "ocdbt", "zarr2", "step 3"
	Tree     string   `json:"tree,omitempty"`     // path of the tree inside the directory that was named; "." is that directory itself
	Tensors  []Tensor `json:"tensors"`            // sorted by Name
	Strings  []String `json:"strings,omitempty"`  // leaves that hold text
	Files    []File   `json:"files,omitempty"`    // side files that a conversion may copy, sorted by Path
	Metadata []byte   `json:"metadata,omitempty"` // the step's own custom metadata, JSON
	// Warnings say what a person should know of the tree, e.g. that it holds
	// arrays that its own metadata does not name.
	Warnings []string `json:"warnings,omitempty"`
	// Fingerprint identifies the bytes of the source as far as that is known
	// without reading weights: a digest over file names, sizes and the content
	// of metadata files. Times are not part of it.
	Fingerprint string `json:"fingerprint"`
}

// Tensor is one parameter.
type Tensor struct {
	// Name joins Path with "/", without a trailing "value" component.
	Name  string       `json:"name"`
	Path  []string     `json:"path"` // as stored; may be longer than Name by a final "value"
	DType tensor.DType `json:"dtype"`
	Shape tensor.Shape `json:"shape"`
	// Missing counts chunks that were never written though the format allows
	// that (their elements have the array's fill value); Chunks counts all.
	Missing int `json:"missing,omitempty"`
	Chunks  int `json:"chunks,omitempty"`
}

// String is a leaf whose value is text.
type String struct {
	Path  []string `json:"path"`
	Value string   `json:"value"`
}

// File is a side file: its path is relative, slash-separated and local.
type File struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

// ParamName joins the components of a stored path. A final component "value"
// is left out: flax's nnx.State ends every path of a training save with it,
// and a save of the plain dictionary does not.
func ParamName(path []string) string {
	if n := len(path); n > 1 && path[n-1] == "value" {
		path = path[:n-1]
	}
	return strings.Join(path, "/")
}

// Sort orders tensors by name and files by path, and must be called by
// whoever builds a manifest.
func (m *Manifest) Sort() {
	sort.SliceStable(m.Tensors, func(i, j int) bool { return m.Tensors[i].Name < m.Tensors[j].Name })
	sort.SliceStable(m.Files, func(i, j int) bool { return m.Files[i].Path < m.Files[j].Path })
}

// Lookup returns the tensor of a name, or nil.
func (m *Manifest) Lookup(name string) *Tensor {
	i, ok := slices.BinarySearchFunc(m.Tensors, name, func(t Tensor, n string) int { return strings.Compare(t.Name, n) })
	if !ok {
		return nil
	}
	return &m.Tensors[i]
}

// Duplicates returns the names that more than one parameter has, which is
// possible because a component may itself contain "/".
func (m *Manifest) Duplicates() []string {
	var out []string
	for i := 1; i < len(m.Tensors); i++ {
		if n := m.Tensors[i].Name; n == m.Tensors[i-1].Name && (len(out) == 0 || out[len(out)-1] != n) {
			out = append(out, n)
		}
	}
	return out
}

// Bytes returns the decoded size of all parameters.
func (m *Manifest) Bytes() int64 {
	var n int64
	for _, t := range m.Tensors {
		n += int64(t.Shape.Elements()) * int64(t.DType.Size())
	}
	return n
}

// Clone returns a deep copy, for tests and tools that change a manifest.
func (m *Manifest) Clone() *Manifest {
	b, err := json.Marshal(m)
	if err != nil {
		panic("manifest: not serialisable")
	}
	out := new(Manifest)
	if err := json.Unmarshal(b, out); err != nil {
		panic("manifest: not serialisable")
	}
	return out
}
