package session

import (
	"context"

	"github.com/loraconv/loraconv/core/diag"
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

// confirm takes the version that a plugin gives itself, which must be the one
// that is pinned.
func (id *PluginID) confirm(about *sdk.DescribeResponse) error {
	if id.Version != "" && id.Version != about.Version {
		return diag.New(diag.Plugin, "plugin-lied", "A plugin gives itself another version", "plugin %q lies where version %s belongs, and says that it is %s", id.Name, id.Version, about.Version)
	}
	id.Version = about.Version
	return nil
}

// plugin returns the plugin of a name, started.
func (s *Session) plugin(ctx context.Context, name string) (*plugin, error) {
	if p := s.plugins[name]; p != nil {
		return p, nil
	}
	cmd, id, err := s.command(ctx, name)
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
	if err := id.confirm(about); err != nil {
		proc.Close()
		return nil, err
	}
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
	name := id.Name
	if !id.Bundled {
		name = s.bundledNames()[0] // any will do: the worker needs none
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
