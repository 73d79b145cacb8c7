package session

import (
	"context"
	"os"

	"github.com/loraconv/loraconv/cmd/internal/installed"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/sdk"
)

// Catalog is the plugins of this machine.
type Catalog struct {
	Plugins []CatalogEntry `json:"plugins"`
	Places  []string       `json:"places"`         // where external plugins may lie, in order
	Lock    string         `json:"lock,omitempty"` // the lock file that was read
}

// CatalogEntry is one plugin that is bundled, or installed for some platform.
type CatalogEntry struct {
	Name     string `json:"name"`
	Source   string `json:"source"`
	Version  string `json:"version"`
	Platform string `json:"platform"`
	Path     string `json:"path"`
	SHA256   string `json:"sha256,omitempty"`
	// State is "bundled", "locked", "changed" (the lock file pins other bytes),
	// "unlocked", or "exposed": Fault says who else could change it, or why it
	// cannot be read.
	State string `json:"state"`
	Fault string `json:"fault,omitempty"`
}

// Catalog lists the bundled plugins and what is installed, against the lock
// file in dir. It starts nothing.
func (s *Session) Catalog(ctx context.Context, dir string) (*Catalog, diag.List) {
	var ds diag.List
	places, err := installed.Places(s.Getenv)
	if err != nil {
		ds.Errorf(diag.Usage, "plugin-places", "The place of plugins cannot be used", "%v", err)
		return nil, ds
	}
	l, d := readLock(dir)
	if d != nil {
		return nil, diag.List{d}
	}
	c := &Catalog{Places: places}
	if l.digest != "" {
		c.Lock = l.path
	}
	self, _ := os.Executable()
	for _, name := range s.bundledNames() {
		about, err := s.Bundled[name].Describe(ctx, sdk.DescribeRequest{HostVersion: s.Version})
		if err != nil {
			ds.Add(asDiagnostic(err, diag.Plugin))
			continue
		}
		c.Plugins = append(c.Plugins, CatalogEntry{Name: name, Source: BundledSource + name, Version: about.Version, Platform: installed.Platform(), Path: self, SHA256: ownDigest(), State: "bundled"})
	}
	for _, p := range installed.All(places) {
		c.Plugins = append(c.Plugins, l.entry(&p))
	}
	return c, ds
}

// entry says how an installed plugin stands to the lock file.
func (l *lockFile) entry(p *installed.Plugin) CatalogEntry {
	out := CatalogEntry{Name: p.Name, Source: p.Source, Version: p.Version.String(), Platform: p.Platform, Path: p.Path(), State: "unlocked"}
	if err := p.Exposed(); err != nil {
		out.State, out.Fault = "exposed", err.Error()
		return out
	}
	sum, err := installed.Digest(p.Path())
	if err != nil {
		out.State, out.Fault = "exposed", err.Error()
		return out
	}
	out.SHA256 = sum
	if e := l.Find(p.Source); e != nil && e.Version == p.Version && e.SHA256[p.Platform] != "" {
		out.State = "locked"
		if e.SHA256[p.Platform] != sum {
			out.State = "changed"
		}
	}
	return out
}

// About starts a plugin and returns what it says about itself. Without a spec
// only bundled plugins, and those that the environment names, are known.
func (s *Session) About(ctx context.Context, name, path string) (*sdk.DescribeResponse, diag.List) {
	var ds diag.List
	if path != "" {
		if _, ds = s.Load(path, true); ds.HasErrors() {
			return nil, ds
		}
	}
	p, err := s.plugin(ctx, name)
	if err != nil {
		ds.Add(asDiagnostic(err, diag.Plugin))
		return nil, ds
	}
	return p.about, ds
}
