package session

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/loraconv/loraconv/cmd/internal/installed"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/lock"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/core/version"
	"github.com/loraconv/loraconv/sdk/host"
)

// pinned finds the installed executable of a plugin that the spec requires and
// the lock file pins. That its bytes are the pinned ones is checked when they
// are executed, by package host.
func (s *Session) pinned(name string, need spec.RequiredPlugin) (host.Command, PluginID, *diag.Diagnostic) {
	fail := func(d *diag.Diagnostic) (host.Command, PluginID, *diag.Diagnostic) {
		return host.Command{}, PluginID{}, d
	}
	constraint, d := wanted(name, need)
	if d != nil {
		return fail(d)
	}
	l, d := s.lockFile()
	if d != nil {
		return fail(d)
	}
	e := l.Find(need.Source)
	if e == nil {
		return fail(notLocked(name, need, l))
	}
	if !constraint.Allows(e.Version) {
		return fail(diag.New(diag.Usage, "lock-stale", "The lock file pins a version that the spec does not accept",
			"plugin %q: the spec requires %q, %s pins %s; run loraconv init -upgrade", name, need.Version, l.path, e.Version))
	}
	platform := installed.Platform()
	sum, ok := e.SHA256[platform]
	if !ok {
		return fail(diag.New(diag.Usage, "plugin-platform", "The lock file does not pin the plugin for this platform",
			"plugin %q %s is pinned for %s, and this is %s; run loraconv init here, or loraconv plugins lock %s %s=FILE with the executable for it",
			name, e.Version, strings.Join(e.Platforms(), ", "), platform, need.Source, platform))
	}
	path, d := s.find(name, need.Source, e.Version, platform)
	if d != nil {
		return fail(d)
	}
	return s.external(name, path, sum), PluginID{Name: name, Source: need.Source, Version: e.Version.String(), SHA256: sum, Lock: l.digest}, nil
}

// external starts an executable that is not loraconv's own: its bytes, if they
// are the pinned ones, and within limits.
func (s *Session) external(name, path, sum string) host.Command {
	return host.Command{
		Name: name, Path: path, SHA256: sum, Env: append(s.environment(), pluginHeap), Log: s.Log.Named(name),
		Limits: host.Limits{AddressSpace: pluginAddressSpace, Files: pluginFiles},
	}
}

// wanted checks what a spec says of an external plugin.
func wanted(name string, need spec.RequiredPlugin) (c version.Constraint, d *diag.Diagnostic) {
	if need.Source == "" {
		return c, diag.New(diag.Usage, "plugin-source", "A required plugin has no source",
			"%q is not bundled in a version that fits, so required_plugins must say where it comes from: %s = { source = \"example.com/lab/%s\", version = \"~> 1.0\" }", name, name, name)
	}
	if err := lock.CheckSource(need.Source); err != nil {
		return c, diag.New(diag.Usage, "plugin-source", "A plugin's source cannot be read", "plugin %q: %v", name, err)
	}
	if need.Version != "" {
		var err error
		if c, err = version.ParseConstraint(need.Version); err != nil {
			return c, diag.New(diag.Usage, "plugin-source", "A plugin's version constraint cannot be read", "plugin %q: %v", name, err)
		}
	}
	return c, nil
}

func notLocked(name string, need spec.RequiredPlugin, l *lockFile) *diag.Diagnostic {
	what := "there is no " + l.path
	if l.digest != "" {
		what = l.path + " has no entry of it"
	}
	return diag.New(diag.Usage, "plugin-unlocked", "A plugin is not pinned", "plugin %q from %s: %s; an external plugin runs only when its SHA-256 is pinned: run loraconv init, review the file and commit it", name, need.Source, what)
}

// find looks for one version of a plugin in the fixed places.
func (s *Session) find(name, source string, v version.Version, platform string) (string, *diag.Diagnostic) {
	places, err := installed.Places(s.Getenv)
	if err != nil {
		return "", diag.New(diag.Usage, "plugin-places", "The place of plugins cannot be used", "%v", err)
	}
	var looked []string
	for _, place := range places {
		p := installed.Plugin{Place: place, Source: source, Version: v, Platform: platform, Name: name}
		if _, err := os.Lstat(p.Path()); err != nil {
			looked = append(looked, "\n  "+p.Path())
			continue
		}
		if err := p.Exposed(); err != nil {
			return "", diag.New(diag.Plugin, "plugin-exposed", "A plugin's executable could be changed by others", "plugin %q: %v; it was not started", name, err)
		}
		return p.Path(), nil
	}
	return "", diag.New(diag.Plugin, "plugin-absent", "A plugin is not installed", "plugin %q %s is at none of these places, and nothing else is searched:%s", name, v, strings.Join(looked, ""))
}

// lockFile is the lock file beside the spec.
type lockFile struct {
	*lock.File
	path   string
	digest string // "": there is none
}

// lockFile reads the lock file beside the spec. That there is none is no error.
func (s *Session) lockFile() (*lockFile, *diag.Diagnostic) {
	return readLock(s.File.Dir)
}

func readLock(dir string) (*lockFile, *diag.Diagnostic) {
	l := &lockFile{File: &lock.File{}, path: filepath.Join(dir, lock.Name)}
	f, b, err := lock.Read(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err != nil:
		return nil, diag.New(diag.Usage, "lock-invalid", "The lock file cannot be read", "%v", err)
	}
	sum := sha256.Sum256(b)
	l.File, l.digest = f, hex.EncodeToString(sum[:])
	return l, nil
}
