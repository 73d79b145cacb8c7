package session

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/cmd/internal/installed"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/lock"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/core/version"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/host"
)

// Pin is what became of one plugin that a spec requires.
type Pin struct {
	Name    string `json:"name"`
	Source  string `json:"source,omitempty"`
	Version string `json:"version,omitempty"`
	// State is "bundled", "kept", "added" (to the lock file), "platform" (this
	// one's digest was added) or "upgraded".
	State     string   `json:"state"`
	Was       string   `json:"was,omitempty"` // the version before an upgrade
	Platforms []string `json:"platforms,omitempty"`
	Dropped   []string `json:"dropped,omitempty"` // platforms that only the version before was pinned for
	Path      string   `json:"path,omitempty"`    // of the executable, if it is installed
}

// Init resolves what a spec requires against what is installed, tries each
// plugin that is pinned anew, and writes the lock file beside the spec if it
// changes. An entry that the spec accepts is kept, unless upgrade asks for the
// newest version that is installed; entries of other sources are kept as they
// are, for other specs of the directory. Nothing is written when there is an
// error.
func (s *Session) Init(ctx context.Context, path string, upgrade bool) (pins []Pin, written string, ds diag.List) {
	l, ds := s.loadForLock(path)
	if ds.HasErrors() {
		return nil, "", ds
	}
	before, _ := l.Encode()
	for _, name := range slices.Sorted(maps.Keys(s.File.RequiredPlugins)) {
		need := s.File.RequiredPlugins[name]
		p, d := s.pin(ctx, name, need, l, upgrade)
		if d != nil {
			ds.Add(at(d, need))
			continue
		}
		pins = append(pins, *p)
	}
	after, err := l.Encode()
	if err != nil {
		ds.Add(diag.New(diag.Usage, "lock-invalid", "The lock file cannot be written", "%v", err))
	}
	if ds.HasErrors() || len(l.Plugins) == 0 || l.digest != "" && string(before) == string(after) {
		return pins, "", ds
	}
	if err := l.Write(s.File.Dir); err != nil {
		ds.Add(diag.New(diag.Output, "output-failed", "The lock file cannot be written", "%v", err))
		return pins, "", ds
	}
	return pins, l.path, ds
}

// CheckLock says whether the lock file pins, for this platform, what the spec
// requires, and whether what is installed is what is pinned. It starts and
// writes nothing; what is not installed is not asked for.
func (s *Session) CheckLock(ctx context.Context, path string) (pins []Pin, ds diag.List) {
	l, ds := s.loadForLock(path)
	if ds.HasErrors() {
		return nil, ds
	}
	for _, name := range slices.Sorted(maps.Keys(s.File.RequiredPlugins)) {
		need := s.File.RequiredPlugins[name]
		p, d := s.checkPin(ctx, name, need, l)
		if d != nil {
			ds.Add(at(d, need))
			continue
		}
		pins = append(pins, *p)
	}
	return pins, ds
}

func (s *Session) loadForLock(path string) (*lockFile, diag.List) {
	if _, ds := s.Load(path, true); ds.HasErrors() {
		return nil, ds
	}
	var ds diag.List
	l, d := s.lockFile()
	ds.Add(d)
	return l, ds
}

func (s *Session) checkPin(ctx context.Context, name string, need spec.RequiredPlugin, l *lockFile) (*Pin, *diag.Diagnostic) {
	if fits, err := s.bundledFits(ctx, name, need); err != nil || fits {
		return &Pin{Name: name, State: "bundled"}, asDiagnosticOrNil(err)
	}
	c, d := wanted(name, need)
	if d != nil {
		return nil, d
	}
	stale := func(format string, args ...any) (*Pin, *diag.Diagnostic) {
		return nil, diag.New(diag.Measured, "lock-stale", "The lock file is not what the spec requires", format+"; run loraconv init", args...)
	}
	platform := installed.Platform()
	e := l.Find(need.Source)
	switch {
	case e == nil:
		return stale("%s has no entry of plugin %q from %s", l.path, name, need.Source)
	case !c.Allows(e.Version):
		return stale("%s pins plugin %q at %s, the spec requires %q", l.path, name, e.Version, need.Version)
	case e.Constraints != need.Version:
		return stale("%s says that plugin %q is required as %q, the spec says %q", l.path, name, e.Constraints, need.Version)
	case e.SHA256[platform] == "":
		return stale("%s pins plugin %q for %s, and this is %s", l.path, name, strings.Join(e.Platforms(), ", "), platform)
	}
	p := &Pin{Name: name, Source: need.Source, Version: e.Version.String(), State: "kept", Platforms: e.Platforms()}
	p.Path, d = s.find(name, need.Source, e.Version, platform)
	if d != nil {
		if d.Code == "plugin-absent" {
			return p, nil
		}
		return nil, d
	}
	_, d = executableDigest(name, p.Path, e.SHA256[platform])
	return p, d
}

func asDiagnosticOrNil(err error) *diag.Diagnostic {
	if err == nil {
		return nil
	}
	return asDiagnostic(err, diag.Plugin)
}

// executableDigest hashes an installed executable; want, if given, is what it must be.
func executableDigest(name, path, want string) (string, *diag.Diagnostic) {
	sum, err := installed.Digest(path)
	if err != nil {
		return "", diag.New(diag.Plugin, "plugin-start", "A plugin cannot be read", "plugin %q: %v", name, err)
	}
	if want != "" && sum != want {
		return "", diag.New(diag.Plugin, host.CodeChanged, "The plugin's executable is not the one that is pinned",
			"plugin %q: %s has SHA-256 %s, wanted %s", name, path, sum, want)
	}
	return sum, nil
}

// pin brings one entry of the lock file up to date.
func (s *Session) pin(ctx context.Context, name string, need spec.RequiredPlugin, l *lockFile, upgrade bool) (*Pin, *diag.Diagnostic) {
	if fits, err := s.bundledFits(ctx, name, need); err != nil || fits {
		return &Pin{Name: name, State: "bundled"}, asDiagnosticOrNil(err)
	}
	c, d := wanted(name, need)
	if d != nil {
		return nil, d
	}
	p := &Pin{Name: name, Source: need.Source, State: "kept"}
	old := l.Find(need.Source)
	platform := installed.Platform()
	keep := old != nil && c.Allows(old.Version)
	var v version.Version
	if keep && !upgrade {
		v = old.Version
	} else if v, d = s.newest(name, need, c, platform); d != nil {
		return nil, d
	}
	e := lock.Plugin{Source: need.Source, Version: v, SHA256: map[string]string{}}
	if old != nil && old.Version == v {
		e.SHA256, e.Protocol = maps.Clone(old.SHA256), old.Protocol
	} else if old != nil {
		p.State, p.Was = "upgraded", old.Version.String()
		p.Dropped = slices.DeleteFunc(old.Platforms(), func(n string) bool { return n == platform })
	} else {
		p.State = "added"
	}
	e.Constraints = need.Version
	pinnedHere := e.SHA256[platform]
	p.Path, d = s.find(name, need.Source, v, platform)
	switch {
	case d != nil && (pinnedHere == "" || d.Code != "plugin-absent"):
		return nil, d
	case d != nil: // another machine of this platform has it
	default:
		sum, d := executableDigest(name, p.Path, pinnedHere)
		if d != nil {
			return nil, d
		}
		if pinnedHere == "" {
			if d := s.try(ctx, name, p.Path, sum, v); d != nil {
				return nil, d
			}
			e.SHA256[platform], e.Protocol = sum, sdk.Protocol
			if p.State == "kept" {
				p.State = "platform"
			}
		}
	}
	l.Put(e)
	p.Version, p.Platforms = v.String(), e.Platforms()
	return p, nil
}

// newest chooses among the versions that are installed.
func (s *Session) newest(name string, need spec.RequiredPlugin, c version.Constraint, platform string) (version.Version, *diag.Diagnostic) {
	places, err := installed.Places(s.Getenv)
	if err != nil {
		return version.Version{}, diag.New(diag.Usage, "plugin-places", "The place of plugins cannot be used", "%v", err)
	}
	var others []string
	for _, p := range installed.Find(places, need.Source, name, platform) {
		if c.Allows(p.Version) {
			return p.Version, nil
		}
		others = append(others, p.Version.String())
	}
	found := ""
	if len(others) > 0 {
		found = "; installed: " + strings.Join(others, ", ")
	}
	want := "in any version"
	if need.Version != "" {
		want = "in a version that " + need.Version + " allows"
	}
	example := installed.Plugin{Place: places[0], Source: need.Source, Platform: platform, Name: name}
	return version.Version{}, diag.New(diag.Plugin, "plugin-absent", "A plugin is not installed",
		"plugin %q from %s is not installed %s for %s%s; put its executable at %s below one of\n  %s", name, need.Source, want, platform, found,
		strings.TrimPrefix(example.PathOf("VERSION"), example.Place+string(os.PathSeparator)), strings.Join(places, "\n  "))
}

// try starts a plugin that is to be pinned, and has it describe itself: it
// must speak the protocol, and be what its place says.
func (s *Session) try(ctx context.Context, name, path, sum string, v version.Version) *diag.Diagnostic {
	proc, err := host.Start(ctx, s.external(name, path, sum))
	if err != nil {
		return asDiagnostic(err, diag.Plugin)
	}
	defer proc.Close()
	about, err := proc.Describe(ctx, sdk.DescribeRequest{HostVersion: s.Version})
	if err != nil {
		return asDiagnostic(err, diag.Plugin)
	}
	id := PluginID{Name: name, Version: v.String()}
	return asDiagnosticOrNil(id.confirm(about))
}
