package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sort"

	"github.com/loraconv/loraconv/core/tensor"
)

// Names of the files that every output carries.
const (
	ManifestName   = "loraconv.manifest.json"
	ProvenanceName = "loraconv.provenance.json"
)

// Schema is the version of the manifest.
const Schema = 1

// Manifest is loraconv.manifest.json. It holds no time, host, worker count or
// absolute path.
type Manifest struct {
	Schema     int        `json:"schema"`
	Conversion string     `json:"conversion"`
	PlanDigest string     `json:"plan_sha256"`
	Accounting Accounting `json:"accounting"`
	Files      []File     `json:"files"`            // sorted by name; this manifest and the provenance are not among them
	Tensors    []Tensor   `json:"tensors"`          // sorted by name
	Judged     []Judged   `json:"judged,omitempty"` // checks and expectations, in the spec's order
	Root       string     `json:"root"`             // SHA-256 over the sorted list of name NUL digest LF
}

// Accounting is where every parameter of the sources went. Read + Dropped is
// SourceParameters, unless a parameter is used in part.
type Accounting struct {
	SourceParameters int       `json:"source_parameters"`
	Read             int       `json:"read"`
	Folded           int       `json:"folded"` // of Read: LoRA factors, which are in no output by themselves
	Outputs          int       `json:"outputs"`
	Merged           int       `json:"merged"` // outputs that LoRA changed
	Dropped          []Dropped `json:"dropped"`
}

// Dropped is a parameter that was left out on purpose.
type Dropped struct {
	From   string `json:"from"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// File is one file of the output.
type File struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Tensor is one tensor of the output; its digest is over its bytes as stored.
type Tensor struct {
	Name      string       `json:"name"`
	DType     tensor.DType `json:"dtype"`
	Shape     tensor.Shape `json:"shape"`
	File      string       `json:"file"`
	Offset    int64        `json:"offset"` // from the start of the file
	Bytes     int64        `json:"bytes"`
	SHA256    string       `json:"sha256"`
	NonFinite int64        `json:"nonfinite"`
	Rule      string       `json:"rule"`
	Sources   []string     `json:"sources"`
	Measured  *Measured    `json:"measured,omitempty"` // where a check or an expectation asked for it
}

// Measured compares a tensor with its exact result, which is base plus LoRA
// plus steps in float64, before rounding. The numbers are float64, in the
// shortest decimal form that gives them back.
type Measured struct {
	Drift     string `json:"drift"`      // largest |written - exact|
	BaseNorm  string `json:"base_norm"`  // Frobenius norm of what LoRA was added to
	DeltaNorm string `json:"delta_norm"` // Frobenius norm of what LoRA added
	Retention string `json:"retention"`  // <written - base, delta> / <delta, delta>; 1 where delta is 0
}

// Judged is a check or an expectation that the output met, or did not meet
// where the spec says on_breach = "warn".
type Judged struct {
	Name   string `json:"name"`   // such as check "drift"
	SHA256 string `json:"sha256"` // over its arguments, without absolute paths and sensitive values
	Met    bool   `json:"met"`
	Found  string `json:"found,omitempty"` // what was measured, in words
}

// Encode sorts m, checks it, computes its root and writes it.
func (m *Manifest) Encode() ([]byte, error) {
	m.Schema = Schema
	m.fill()
	sort.Slice(m.Files, func(i, j int) bool { return m.Files[i].Name < m.Files[j].Name })
	sort.Slice(m.Tensors, func(i, j int) bool { return m.Tensors[i].Name < m.Tensors[j].Name })
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	m.Root = m.root()
	return canonical(m)
}

// fill makes empty lists of absent ones, so that there is one way to say nothing.
func (m *Manifest) fill() {
	m.Files = append([]File{}, m.Files...)
	m.Tensors = append([]Tensor{}, m.Tensors...)
	m.Accounting.Dropped = append([]Dropped{}, m.Accounting.Dropped...)
	for i := range m.Tensors {
		t := &m.Tensors[i]
		t.Shape, t.Sources = append(tensor.Shape{}, t.Shape...), append([]string{}, t.Sources...)
	}
}

func (m *Manifest) root() string {
	h := sha256.New()
	for _, f := range m.Files {
		fmt.Fprintf(h, "%s\x00%s\n", f.Name, f.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// maxManifest bounds what Decode reads, in bytes.
const maxManifest = 256 << 20

// Decode reads a manifest. Only what Encode writes is taken, byte for byte.
func Decode(b []byte) (*Manifest, error) {
	if len(b) > maxManifest {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(b), maxManifest)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	m := new(Manifest)
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("it is no manifest: %w", err)
	}
	if m.Schema != Schema {
		return nil, fmt.Errorf("schema %d, this loraconv reads %d", m.Schema, Schema)
	}
	root := m.Root
	again, err := m.Encode()
	if err != nil {
		return nil, err
	}
	if root != m.Root {
		return nil, fmt.Errorf("its root is %s, its files give %s", root, m.Root)
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("it is not as loraconv writes it")
	}
	return m, nil
}
