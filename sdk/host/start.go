package host

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/sdk/internal/wire"
)

// Start starts the command and waits until its handshake is done. The error
// is a *diag.Diagnostic of class diag.Plugin, or ctx's own. The caller must
// Close the process.
func Start(ctx context.Context, cmd Command) (*Process, error) {
	const doing = "starting"
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("start of plugin %q: %w", cmd.Name, context.Cause(ctx))
	}
	if cmd.Log == nil {
		cmd.Log = hclog.NewNullLogger()
	}
	if err := cmd.check(); err != nil {
		return nil, report(cmd.Name, CodeStart, "The plugin could not be started", doing, err.Error(), nil, false)
	}
	dir, err := newRunDir()
	if err != nil {
		return nil, report(cmd.Name, CodeStart, "The plugin could not be started", doing, err.Error(), nil, false)
	}
	s := &starting{cmd: cmd, dir: dir, log: cmd.Log.Named(cmd.Name), limits: cmd.Timeouts.filled()}
	p, err := s.run(ctx)
	if err != nil {
		dir.remove()
		return nil, err
	}
	return p, nil
}

// starting is a process whose handshake is not yet done.
type starting struct {
	cmd    Command
	dir    *runDir
	log    hclog.Logger
	limits Timeouts
	child  atomic.Pointer[child]
}

func (s *starting) run(ctx context.Context) (*Process, error) {
	out := newOutput(s.log)
	client := goplugin.NewClient(s.config(out))
	done := make(chan error, 1)
	var conn goplugin.ClientProtocol
	go func() {
		var err error
		conn, err = client.Client()
		done <- err
	}()
	limit := time.NewTimer(s.limits.Start)
	defer limit.Stop()
	var err, cause error
	select {
	case err = <-done:
	case <-limit.C:
		cause = errTimeout{s.limits.Start}
	case <-ctx.Done():
		cause = context.Cause(ctx)
	}
	if err == nil && cause == nil {
		return s.ready(client, conn)
	}
	c := s.child.Load()
	d := s.explain(c, err, cause)
	if c != nil {
		c.expectEnd()
		c.kill()
	}
	if cause != nil {
		<-done //nolint:errcheck // each of its waits ends with the process; why it was ended is known
		c = s.child.Load()
	}
	if c != nil {
		end(client, c, s.limits.Kill)
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("start of plugin %q: %w", s.cmd.Name, context.Cause(ctx))
	}
	return nil, d()
}

func (s *starting) ready(client *goplugin.Client, conn goplugin.ClientProtocol) (*Process, error) {
	cc, err := conn.Dispense(wire.PluginName)
	if err != nil {
		end(client, s.child.Load(), s.limits.Kill)
		return nil, report(s.cmd.Name, CodeStart, "The plugin could not be started", "starting", err.Error(), s.child.Load(), true)
	}
	p := Attach(cc.(*grpc.ClientConn), s.cmd.Name)
	p.bundled, p.timeouts = s.cmd.Bundled, s.limits
	p.client, p.child, p.dir = client, s.child.Load(), s.dir
	return p, nil
}

func (s *starting) config(out *output) *goplugin.ClientConfig {
	return &goplugin.ClientConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{wire.Version: {wire.PluginName: connection{}}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     s.limits.Start + time.Second, // ours comes first and covers more
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: s.dir.path},
		GRPCDialOptions:  wire.DialOptions(),
		Logger:           quiet(s.log),
		SyncStdout:       out.writer("stdout"),
		SyncStderr:       out.writer("stderr"),
		RunnerFunc: func(_ hclog.Logger, env *exec.Cmd, sockets string) (runner.Runner, error) {
			c, err := newChild(&s.cmd, env.Env, s.dir.path, sockets, out)
			if err == nil {
				s.child.Store(c)
			}
			return c, err
		},
	}
}

// quiet keeps go-plugin's own remarks for those who ask for all there is: its
// errors come back to us as errors, too, and quote the other process raw.
func quiet(l hclog.Logger) hclog.Logger {
	if l.IsTrace() {
		return l.Named("go-plugin")
	}
	return hclog.NewNullLogger()
}

// explain notes now, before the process is killed, why the start failed. The
// diagnostic is made later, when its last lines have come.
func (s *starting) explain(c *child, err, cause error) func() *diag.Diagnostic {
	say := func(code, summary, format string, args ...any) func() *diag.Diagnostic {
		what := fmt.Sprintf(format, args...)
		return func() *diag.Diagnostic { return report(s.cmd.Name, code, summary, "starting", what, c, true) }
	}
	const summary = "The plugin could not be started"
	var timeout errTimeout
	var changed errChanged
	switch {
	case errors.As(err, &changed):
		return say(CodeChanged, "The plugin's executable is not the one that is pinned", "%v; it was not started", changed)
	case c == nil:
		return say(CodeStart, summary, "%v", err)
	case c.flooded():
		return say(CodeFlood, "The plugin writes without end", "it wrote more than %d MiB to stderr and stdout, and was ended", floodBytes>>20)
	case errors.As(cause, &timeout):
		return say(CodeTimeout, "The plugin did not answer", "its handshake did not come within %v, and it was ended", s.limits.Start)
	case cause != nil:
		return say(CodeStart, summary, "%v", cause)
	case c.startErr != nil:
		return say(CodeStart, summary, "%q cannot be executed: %v", s.cmd.Path, c.startErr)
	}
	if line, ok := c.hello.seen(); ok && !handshakeLike(line) {
		return say(CodeStart, "The plugin spoke out of turn", "its first line on stdout is %s, wanted the handshake of a plugin; a plugin prints nothing there", shortQuote(line))
	}
	if v, ok := c.hello.version(); ok && v != wire.Version {
		return say(CodeVersion, "The plugin speaks another version of the protocol", "it speaks version %d, this loraconv speaks %d; install a release of the plugin that was built for this one, or the loraconv that it was built for", v, wire.Version)
	}
	if c.waitExit(time.Second); c.byItself() {
		how, _ := c.ended()
		return say(CodeExit, "The plugin ended too early", "it %s before its handshake", how)
	}
	what, _, _ := strings.Cut(err.Error(), "\n") // go-plugin's advice follows
	return say(CodeStart, summary, "its handshake is refused: %s", what)
}

// connection is the host's entry in the plugin set: it hands the connection
// out, and Attach puts the calls on it.
type connection struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (connection) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error {
	return errors.New("this is the host's half")
}

func (connection) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, cc *grpc.ClientConn) (any, error) {
	return cc, nil
}
