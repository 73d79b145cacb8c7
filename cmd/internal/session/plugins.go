package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/host"
)

// ServeArg is the argument that makes loraconv's own executable serve a
// bundled plugin and the worker.
const ServeArg = "serve-plugin"

// plugin is a running plugin and what it says about itself.
type plugin struct {
	id    PluginID
	proc  *host.Process
	about *sdk.DescribeResponse
}

// plugin returns the plugin of a name, started.
func (s *Session) plugin(ctx context.Context, name string) (*plugin, error) {
	if p := s.plugins[name]; p != nil {
		return p, nil
	}
	cmd, id, err := s.command(name)
	if err != nil {
		return nil, err
	}
	proc, err := host.Start(ctx, cmd)
	if err != nil {
		return nil, err
	}
	about, err := proc.Describe(ctx, sdk.DescribeRequest{HostVersion: s.Version})
	if err != nil {
		proc.Close()
		return nil, err
	}
	id.Version = about.Version
	p := &plugin{id: id, proc: proc, about: about}
	s.plugins[name] = p
	return p, nil
}

func (p *plugin) plan(ctx context.Context, req sdk.PlanRequest) (*sdk.PlanResponse, error) {
	return p.proc.Plan(ctx, req)
}

func (p *plugin) close() {
	if p.proc != nil {
		p.proc.Close()
		p.proc = nil
	}
}

// OverrideVariable is the environment variable that puts an executable in the
// place of a plugin, for development.
func OverrideVariable(name string) string {
	return "LORACONV_PLUGIN_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// command finds what to start for a plugin: the executable that the
// environment names, loudly, or loraconv's own for a bundled one. Nothing is
// searched for.
func (s *Session) command(name string) (host.Command, PluginID, error) {
	if path, ok := s.Getenv(OverrideVariable(name)); ok && path != "" {
		return s.override(name, path)
	}
	if !s.Bundled[name] {
		var have []string
		for b := range s.Bundled {
			have = append(have, b)
		}
		sort.Strings(have)
		hint := ""
		if m := manifest.Suggest(name, have); m != "" {
			hint = fmt.Sprintf(" Did you mean %q?", m)
		}
		return host.Command{}, PluginID{}, diag.New(diag.Usage, "unknown-plugin", "There is no plugin of that name",
			"%q is not bundled (bundled: %s).%s", name, strings.Join(have, ", "), hint)
	}
	cmd, err := s.self(name)
	return cmd, PluginID{Name: name, Bundled: true}, err
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
	sum, err := fileDigest(abs)
	if err != nil {
		return host.Command{}, PluginID{}, diag.New(diag.Plugin, "plugin-start", "A plugin cannot be read", "%s names %q: %v", OverrideVariable(name), path, err)
	}
	d := &diag.Diagnostic{Severity: diag.Warning, Code: "plugin-override", Summary: "A plugin from the environment is used in place of the bundled one",
		Detail: fmt.Sprintf("%s=%s, SHA-256 %s: it is in no lock file; unset the variable for real conversions", OverrideVariable(name), abs, sum)}
	if s.Observer != nil {
		s.Observer.Warning("", d)
	}
	return host.Command{Name: name, Path: abs, Env: s.environment(), SHA256: sum, Log: s.Log.Named(name)}, PluginID{Name: name, SHA256: sum}, nil
}

func fileDigest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return "", fmt.Errorf("%q is not a regular file", path)
	}
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// worker returns the process that executes: the bundled plugin's own, or a
// loraconv of its own beside an external plugin, which has done its work.
func (s *Session) worker(ctx context.Context, id PluginID) (*host.Process, func(), error) {
	if p := s.plugins[id.Name]; p != nil {
		if id.Bundled {
			return p.proc, func() {}, nil
		}
		p.close()
		delete(s.plugins, id.Name)
	}
	name := "openpi"
	if !id.Bundled {
		for b := range s.Bundled {
			name = b
		}
	} else {
		name = id.Name
	}
	cmd, err := s.self(name)
	if err != nil {
		return nil, nil, err
	}
	proc, err := host.Start(ctx, cmd)
	if err != nil {
		return nil, nil, err
	}
	return proc, proc.Close, nil
}
