package session

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/cmd/internal/installed"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/core/version"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/host"
)

// BundledSource begins the source of each bundled plugin in required_plugins.
const BundledSource = "loraconv/"

// What an external plugin may take. It holds names and shapes, no weights.
const (
	pluginAddressSpace = 4 << 30
	pluginFiles        = 256
	pluginHeap         = "GOMEMLIMIT=2GiB" // so that Go's collector works before the kernel says no
)

// OverrideVariable is the environment variable that puts an executable in the
// place of a plugin, for development.
func OverrideVariable(name string) string {
	return "LORACONV_PLUGIN_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// command finds what to start for a plugin: the executable that the
// environment names, loudly; loraconv's own for a bundled plugin, if that is
// what the spec requires; else the installed one that the spec requires and
// the lock file pins.
func (s *Session) command(ctx context.Context, name string) (host.Command, PluginID, error) {
	if path, ok := s.Getenv(OverrideVariable(name)); ok && path != "" {
		return s.override(name, path)
	}
	need, required := s.required(name)
	fits, err := s.bundledFits(ctx, name, need)
	if err != nil {
		return host.Command{}, PluginID{}, err
	}
	switch {
	case fits:
		cmd, err := s.self(name)
		return cmd, PluginID{Name: name, Bundled: true}, err
	case !required:
		return host.Command{}, PluginID{}, s.unknownPlugin(name)
	}
	cmd, id, d := s.pinned(name, need)
	if d != nil {
		return cmd, id, at(d, need)
	}
	return cmd, id, nil
}

// required is what the spec says of a plugin.
func (s *Session) required(name string) (spec.RequiredPlugin, bool) {
	if s.File == nil {
		return spec.RequiredPlugin{}, false
	}
	need, ok := s.File.RequiredPlugins[name]
	return need, ok
}

// at puts a diagnostic at the spec's requirement.
func at(d *diag.Diagnostic, need spec.RequiredPlugin) *diag.Diagnostic {
	r := need.Range
	d.Range = &r
	return d
}

// bundledFits reports whether the bundled plugin of a name is one that the
// spec accepts: of its source, if that is given, and of a version that its
// constraint allows. A build on the way to a release counts as that release.
func (s *Session) bundledFits(ctx context.Context, name string, need spec.RequiredPlugin) (bool, error) {
	c, ok := s.Bundled[name]
	if !ok || need.Source != "" && need.Source != BundledSource+name {
		return false, nil
	}
	if need.Version == "" {
		return true, nil
	}
	about, err := c.Describe(ctx, sdk.DescribeRequest{HostVersion: s.Version})
	if err != nil {
		return false, err
	}
	v, err := version.Parse(about.Version)
	if err != nil {
		return false, err
	}
	constraint, err := version.ParseConstraint(need.Version)
	return err == nil && constraint.Allows(v.Release()), err
}

func (s *Session) bundledNames() []string { return slices.Sorted(maps.Keys(s.Bundled)) }

func (s *Session) unknownPlugin(name string) *diag.Diagnostic {
	have := s.bundledNames()
	if s.File != nil {
		have = append(have, slices.Sorted(maps.Keys(s.File.RequiredPlugins))...)
	}
	hint := ""
	if m := manifest.Suggest(name, have); m != "" {
		hint = fmt.Sprintf(" Did you mean %q?", m)
	}
	return diag.New(diag.Usage, "unknown-plugin", "There is no plugin of that name",
		"%q is neither bundled (bundled: %s) nor named in required_plugins.%s", name, strings.Join(s.bundledNames(), ", "), hint)
}

// self starts loraconv's own executable, as a bundled plugin and as worker.
func (s *Session) self(name string) (host.Command, error) {
	exe, err := os.Executable()
	if err != nil {
		return host.Command{}, diag.New(diag.Plugin, "plugin-start", "loraconv cannot find its own executable", "%v", err)
	}
	return host.Command{
		Name: name, Path: exe, Args: []string{ServeArg, name}, Env: s.environment(), Bundled: true, Log: s.Log.Named(name),
	}, nil
}

// environment is all that a child gets: the setting of the memory tests.
func (s *Session) environment() []string {
	var out []string
	for _, n := range []string{"GOTRACEBACK", "GODEBUG", "TMPDIR"} {
		if v, ok := s.Getenv(n); ok {
			out = append(out, n+"="+v)
		}
	}
	return out
}

func (s *Session) override(name, path string) (host.Command, PluginID, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return host.Command{}, PluginID{}, err
	}
	sum, err := installed.Digest(abs)
	if err != nil {
		return host.Command{}, PluginID{}, diag.New(diag.Plugin, "plugin-start", "A plugin cannot be read", "%s names %q: %v", OverrideVariable(name), path, err)
	}
	d := &diag.Diagnostic{Severity: diag.Warning, Code: "plugin-override", Summary: "A plugin from the environment is used in place of the one that is bundled or pinned",
		Detail: fmt.Sprintf("%s=%s, SHA-256 %s: it is in no lock file; unset the variable for real conversions", OverrideVariable(name), abs, sum)}
	if s.Observer != nil {
		s.Observer.Warning("", d)
	}
	return host.Command{Name: name, Path: abs, Env: s.environment(), SHA256: sum, Log: s.Log.Named(name)}, PluginID{Name: name, SHA256: sum}, nil
}
