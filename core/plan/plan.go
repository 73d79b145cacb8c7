package plan

import (
	"sort"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
)

// Version is the version of the expression grammar and of the encoding.
const Version = 1

// Plan is one conversion. It holds no absolute path, tile size or worker
// count, so that its digest says what is computed and nothing else.
type Plan struct {
	Version   int        `json:"version"`
	Sources   []string   `json:"sources"` // names that Source.From may use, in the spec's order
	Output    Output     `json:"output"`  // what kind of files the tensors go to
	Tensors   []Tensor   `json:"-"`       // sorted by Name
	Drops     []Drop     `json:"-"`       // sorted
	Files     []File     `json:"-"`       // sorted by To
	Documents []Document `json:"-"`       // sorted by Path
	Facts     []Fact     `json:"-"`       // in the order in which they are to be read
	Deltas    []Delta    `json:"-"`       // of an adapter; sorted by Module
}

// Output says how tensors are laid out in safetensors files.
type Output struct {
	Format   string `json:"format"`              // the output block's label, e.g. "pytorch"
	File     string `json:"file"`                // e.g. "model.safetensors"
	MaxShard int64  `json:"max_shard,omitempty"` // bytes; 0 is one file
}

// Tensor is one output tensor.
type Tensor struct {
	Name  string
	DType tensor.DType
	Shape tensor.Shape
	Rule  string // the row that wrote the line
	Expr  Expr
}

// File is a side file to copy byte for byte, from a source or the template.
type File struct {
	From string `json:"from"` // name of the source, or "template"
	Path string `json:"path"` // in the source's directory
	To   string `json:"to"`   // in the output
}

// Document is a file whose content the plugin wrote.
type Document struct {
	Path    string `json:"path"`
	Content string `json:"content"`
	// Record asks the host to go on with what it knows: the spec and what was
	// found, when it plans, and versions and digests, when it has run.
	Record bool `json:"record,omitempty"`
}

// Delta is what a module of an adapter must amount to: what merging would add
// to the weight that the adapter leaves out. Nothing is computed from it but
// the proof that the adapter's factors multiply out to the same.
type Delta struct {
	Module string
	Shape  tensor.Shape
	Bases  []Base // the sources named "" in Expr, sorted by Name
	Expr   Expr
}

// Base is a parameter of the base model, of which a delta needs the shape; as
// a value it stands for zeros.
type Base struct {
	Name  string       `json:"name"`
	Shape tensor.Shape `json:"shape"`
}

// Manifests returns m with the bases of d as a source named "".
func (d *Delta) Manifests(m Manifests) Manifests {
	out := Manifests{}
	for name, x := range m {
		out[name] = x
	}
	zeros := &manifest.Manifest{}
	for _, b := range d.Bases {
		zeros.Tensors = append(zeros.Tensors, manifest.Tensor{Name: b.Name, DType: tensor.Float32, Shape: b.Shape})
	}
	out[""] = zeros
	return out
}

// Fact is something that was detected rather than said, with what it was
// detected from.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	From  string `json:"from"`
}

// Sort brings the parts of a plan into their canonical order.
func (p *Plan) Sort() {
	sort.SliceStable(p.Tensors, func(i, j int) bool { return p.Tensors[i].Name < p.Tensors[j].Name })
	sort.SliceStable(p.Drops, func(i, j int) bool {
		a, b := p.Drops[i], p.Drops[j]
		if a.From != b.From {
			return a.From < b.From
		}
		if a.Name != b.Name {
			return a.Name < b.Name
		}
		if lessIndex(a.Index, b.Index) || lessIndex(b.Index, a.Index) {
			return lessIndex(a.Index, b.Index)
		}
		if lessPart(a.Part, b.Part) || lessPart(b.Part, a.Part) {
			return lessPart(a.Part, b.Part)
		}
		if a.Rule != b.Rule {
			return a.Rule < b.Rule
		}
		return a.Reason < b.Reason
	})
	sort.SliceStable(p.Files, func(i, j int) bool { return p.Files[i].To < p.Files[j].To })
	sort.SliceStable(p.Deltas, func(i, j int) bool { return p.Deltas[i].Module < p.Deltas[j].Module })
	for i := range p.Deltas {
		b := p.Deltas[i].Bases
		sort.SliceStable(b, func(i, j int) bool { return b[i].Name < b[j].Name })
	}
	sort.SliceStable(p.Documents, func(i, j int) bool { return p.Documents[i].Path < p.Documents[j].Path })
}

func lessIndex(a, b []At) bool {
	for i := range a {
		if i >= len(b) {
			return false
		}
		if a[i] != b[i] {
			return a[i].Axis < b[i].Axis || a[i].Axis == b[i].Axis && a[i].Pos < b[i].Pos
		}
	}
	return len(a) < len(b)
}
