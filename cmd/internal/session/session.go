package session

import (
	"context"
	"os"

	"github.com/hashicorp/go-hclog"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/sdk"
)

// Options is what the command line says.
type Options struct {
	Version  string                   // loraconv's own
	Bundled  map[string]sdk.Converter // served by loraconv's own executable
	Vars     map[string]string
	VarFiles []string
	Text     []byte   // of a spec that is in no file; see spec.Options
	Only     []string // globs over conversions
	Except   []string
	Force    bool
	Memory   int64 // 0: as the spec says
	Workers  int   // 0: as the spec says
	Log      hclog.Logger
	Observer Observer
	Getenv   func(string) (string, bool)

	// SlowPhase lasts at least SlowMillis longer ("stream": each tile does). It
	// is a hook of the tests that kill processes.
	SlowPhase  string
	SlowMillis int
}

// Observer is told what happens, in order, from one goroutine at a time.
type Observer interface {
	Phase(conversion, name string)
	Progress(conversion string, p sdk.Progress)
	Warning(conversion string, d *diag.Diagnostic)
	Published(conversion string, r *Result)
}

// Session runs the conversions of one spec or plan file.
type Session struct {
	Options
	File    *spec.File // nil when a plan file is run
	plugins map[string]*plugin
}

// New makes a session. Close must be called.
func New(o Options) *Session {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	if o.Getenv == nil {
		o.Getenv = os.LookupEnv
	}
	return &Session{Options: o, plugins: map[string]*plugin{}}
}

// Close ends every plugin.
func (s *Session) Close() {
	for _, p := range s.plugins {
		p.close()
	}
}

// Load reads the spec and picks its conversions. allowUnset is for validate.
func (s *Session) Load(path string, allowUnset bool) ([]*spec.Conversion, diag.List) {
	f, ds := spec.Load(path, spec.Options{
		Vars: s.Vars, VarFiles: s.VarFiles, Env: s.Getenv, AllowUnset: allowUnset, Text: s.Text, Version: s.Version,
	})
	s.File = f
	if ds.HasErrors() {
		return nil, ds
	}
	picked, err := pick(f.Conversions, func(c *spec.Conversion) string { return c.Name }, s.Only, s.Except)
	if err != nil {
		ds.Add(err)
	} else if len(picked) == 0 {
		ds.Add(nothing(path, s.Only, s.Except))
	}
	return picked, ds
}

// Prepared is a conversion that has a checked plan.
type Prepared struct {
	Name      string
	Plugin    PluginID
	Method    string // effective: "merge", "base" or "adapter"
	DType     string // effective
	Plan      *plan.Plan
	Digest    string // of the plan
	Manifests plan.Manifests
	Sources   []Opened
	Template  *TemplateDir // nil: the output has none
	Output    string       // absolute path
	Compute   spec.Compute

	AllowNonFinite []string
	FillMissing    bool
	SpecDigest     string

	Checks   []*spec.Check
	Expects  []*spec.Expect
	Warnings []string // codes of the warnings of planning
}

// PluginID says which plugin planned.
type PluginID struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	SHA256  string `json:"sha256,omitempty"` // of the executable; empty for a bundled one
	Bundled bool   `json:"bundled"`
	Source  string `json:"source,omitempty"` // of an external one, as the spec requires it
	Lock    string `json:"lock,omitempty"`   // SHA-256 of the lock file that pins it; empty: nothing does
}

// Prepare plans one conversion. Warnings come with a plan, errors without.
func (s *Session) Prepare(ctx context.Context, c *spec.Conversion) (*Prepared, diag.List) {
	b := &builder{s: s, c: c}
	p := b.build(ctx)
	s.redact(b.ds)
	s.File.Place(b.ds)
	b.ds.Sort()
	if b.ds.HasErrors() {
		return nil, b.ds
	}
	for _, d := range b.ds {
		p.Warnings = append(p.Warnings, d.Code)
	}
	return p, b.ds
}

// redact takes the values of sensitive variables out of what others wrote.
func (s *Session) redact(ds diag.List) {
	for _, d := range ds {
		d.Summary, d.Detail = s.File.Redact(d.Summary), s.File.Redact(d.Detail)
	}
}
