package session

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"sync"
	"time"

	"github.com/loraconv/loraconv/cmd/internal/installed"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/receipt"
	"github.com/loraconv/loraconv/sdk"
)

// record gathers what the receipt will say, while a run goes on.
type record struct {
	started  time.Time
	manifest receipt.Manifest
	digests  []string        // of each tensor, in the plan's order
	finite   []int64         // non-finite values written, in the plan's order
	measured []*sdk.Measured // in the plan's order; nil where it was not asked for
	zero     []bool          // whether all of it is zero, in the plan's order
	files    map[string]bool
	adapters []sdk.AdapterDone
}

func newRecord(p *Prepared, started time.Time) *record {
	return &record{
		started: started, digests: make([]string, len(p.Plan.Tensors)), finite: make([]int64, len(p.Plan.Tensors)), measured: make([]*sdk.Measured, len(p.Plan.Tensors)), zero: make([]bool, len(p.Plan.Tensors)), files: map[string]bool{},
		manifest: receipt.Manifest{Conversion: p.Name, PlanDigest: p.Digest, Accounting: accounting(p)},
	}
}

// tensor takes what the worker measured, in one or several events.
func (r *record) tensor(t *sdk.TensorDone) error {
	if t.Index < 0 || t.Index >= len(r.digests) {
		return diag.New(diag.Plugin, "worker-lied", "The worker reported a tensor that was not asked for", "index %d of %d", t.Index, len(r.digests))
	}
	if t.SHA256 != "" {
		r.digests[t.Index], r.zero[t.Index] = t.SHA256, t.Zero
	}
	r.finite[t.Index] += t.NonFinite
	if t.Measured != nil {
		r.measured[t.Index] = t.Measured
	}
	return nil
}

func (r *record) file(name string, bytes int64, sum string) {
	r.files[name] = true
	r.manifest.Files = append(r.manifest.Files, receipt.File{Name: name, Bytes: bytes, SHA256: sum})
}

func (r *record) bytes(name string, data []byte) {
	sum := sha256.Sum256(data)
	r.file(name, int64(len(data)), hex.EncodeToString(sum[:]))
}

// complete reports a worker that ended without a digest of everything.
func (r *record) complete(measured bool) error {
	for i, d := range r.digests {
		if measured && r.measured[i] == nil {
			return diag.New(diag.Plugin, "worker-lied", "The worker ended without measuring every tensor", "tensor %d of %d was not measured", i, len(r.digests))
		}
		if d == "" {
			return diag.New(diag.Plugin, "worker-lied", "The worker ended without a digest of every tensor", "tensor %d of %d has none", i, len(r.digests))
		}
	}
	return nil
}

// accounting counts where every parameter went.
func accounting(p *Prepared) receipt.Accounting {
	a := receipt.Accounting{Outputs: len(p.Plan.Tensors), Merged: countMerges(p.Plan), Dropped: []receipt.Dropped{}}
	for _, m := range p.Manifests {
		a.SourceParameters += len(m.Tensors)
	}
	read, folded := map[string]bool{}, map[string]bool{}
	for _, t := range p.Plan.Tensors {
		plan.Sources(t.Expr, func(s *plan.Source) { read[s.From+"\x00"+s.Name] = true })
		factors(t.Expr, func(s *plan.Source) { folded[s.From+"\x00"+s.Name] = true })
	}
	a.Read, a.Folded = len(read), len(folded)
	for _, d := range p.Plan.Drops {
		a.Dropped = append(a.Dropped, receipt.Dropped{From: d.From, Name: d.Name, Reason: d.Reason})
	}
	return a
}

// factors visits the LoRA factors of an expression.
func factors(x plan.Expr, visit func(*plan.Source)) {
	switch x := x.(type) {
	case *plan.Merge:
		for _, t := range x.Terms {
			visit(t.A)
			visit(t.B)
		}
	case *plan.Rearrange:
		factors(x.X, visit)
	case *plan.Slice:
		factors(x.X, visit)
	case *plan.Affine:
		factors(x.X, visit)
	case *plan.Concat:
		for _, y := range x.Xs {
			factors(y, visit)
		}
	}
}

func (r *record) encodeManifest(p *Prepared, w *weights) ([]byte, error) {
	for i, t := range p.Plan.Tensors {
		place := w.place[t.Name]
		r.manifest.Tensors = append(r.manifest.Tensors, receipt.Tensor{
			Name: t.Name, DType: t.DType, Shape: t.Shape, File: place.File, Offset: place.Offset, Bytes: w.bytes[t.Name],
			SHA256: r.digests[i], NonFinite: r.finite[i], Rule: t.Rule, Sources: sourcesOf(t.Expr), Measured: written(r.measured[i]),
		})
	}
	return r.manifest.Encode()
}

func sourcesOf(x plan.Expr) []string {
	seen := map[string]bool{}
	out := []string{}
	plan.Sources(x, func(s *plan.Source) {
		if n := s.String(); !seen[n] {
			seen[n] = true
			out = append(out, n)
		}
	})
	return out
}

func (r *record) encodeProvenance(s *Session, p *Prepared, manifest []byte) ([]byte, error) {
	st := receipt.Statement{}
	for _, f := range r.manifest.Files {
		st.Subject = append(st.Subject, receipt.Subject{Name: f.Name, Digest: map[string]string{"sha256": f.SHA256}})
	}
	sum := sha256.Sum256(manifest)
	st.Subject = append(st.Subject, receipt.Subject{Name: receipt.ManifestName, Digest: map[string]string{"sha256": hex.EncodeToString(sum[:])}})
	sort.Slice(st.Subject, func(i, j int) bool { return st.Subject[i].Name < st.Subject[j].Name })
	b := &st.Predicate.BuildDefinition
	b.BuildType = receipt.BuildType
	b.ExternalParameters = map[string]any{"conversion": p.Name, "method": p.Method}
	if p.SpecDigest != "" {
		b.ExternalParameters["spec_sha256"] = p.SpecDigest
	}
	memory, workers := s.budget(p)
	b.InternalParameters = map[string]any{"plan_sha256": p.Digest, "goos": runtime.GOOS, "goarch": runtime.GOARCH, "memory": memory, "workers": workers}
	for _, o := range p.Sources {
		b.ResolvedDependencies = append(b.ResolvedDependencies, receipt.Dependency{
			Name: o.Name, URI: s.uri(o.Root), Digest: map[string]string{"loraconv_fingerprint_sha256": o.Fingerprint},
			Annotations: map[string]any{"tree": o.Tree, "role": o.Role, "payload": "chunk data is not covered by the fingerprint"},
		})
	}
	if p.Template != nil {
		b.ResolvedDependencies = append(b.ResolvedDependencies, receipt.Dependency{
			Name: templateName, URI: s.uri(p.Template.Path), Digest: map[string]string{"loraconv_fingerprint_sha256": p.Template.Fingerprint},
		})
	}
	b.ResolvedDependencies = append(b.ResolvedDependencies, pluginDependency(&p.Plugin))
	st.Predicate.RunDetails = receipt.RunDetails{
		Builder:  receipt.Builder{ID: receipt.BuilderID, Version: map[string]string{"loraconv": s.Version, "go": runtime.Version(), "vcs": revision()}},
		Metadata: receipt.Metadata{StartedOn: r.started.UTC().Format(time.RFC3339), FinishedOn: time.Now().UTC().Format(time.RFC3339)},
	}
	return st.Encode()
}

// uri names a directory, without the values of sensitive variables.
func (s *Session) uri(dir string) string {
	if s.File != nil {
		dir = s.File.Redact(dir)
	}
	return "file://" + filepath.ToSlash(dir)
}

// pluginDependency is the plugin that planned: its name, its version, and the
// SHA-256 of the bytes that were executed. For a bundled one those are
// loraconv's own; an external one also has its source and the lock file that
// pins it, or the mark that nothing did.
func pluginDependency(id *PluginID) receipt.Dependency {
	d := receipt.Dependency{Name: "plugin " + id.Name, Annotations: map[string]any{"version": id.Version, "bundled": id.Bundled}}
	sum := id.SHA256
	if id.Bundled {
		sum = ownDigest()
	}
	if sum != "" {
		d.Digest = map[string]string{"sha256": sum}
	}
	switch {
	case id.Lock != "":
		d.Annotations["source"], d.Annotations["lock_sha256"] = id.Source, id.Lock
	case !id.Bundled:
		d.Annotations["unlocked"] = true
	}
	return d
}

// ownDigest is the SHA-256 of this executable, or "" where it cannot be read.
var ownDigest = sync.OnceValue(func() string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	if runtime.GOOS == "linux" {
		exe = "/proc/self/exe" // also when the file has been replaced
	}
	sum, err := installed.Digest(exe)
	if err != nil {
		return ""
	}
	return sum
})

// revision is the commit that loraconv was built from, if that is known.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, x := range info.Settings {
		if x.Key == "vcs.revision" {
			return x.Value
		}
	}
	return fmt.Sprintf("unknown (%s)", info.Main.Version)
}
