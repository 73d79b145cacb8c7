package plugin

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/internal/wire"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

// exitByHand is the exit code of a plugin that a person started: EX_USAGE.
const exitByHand = 64

// Serve answers the host's calls until the host ends the process or goes
// away. It takes the process over: stdout belongs to the protocol, and what
// the program prints there goes to stderr. It does not return when the program
// was started by hand: it says so and exits with code 64.
func Serve(c sdk.Converter) { serve(c, nil) }

// ServeHost is Serve for loraconv's own executable, which may serve a bundled
// plugin, the worker, or both. Either may be nil.
func ServeHost(c sdk.Converter, e Executor) { serve(c, e) }

func serve(c sdk.Converter, e Executor) {
	if os.Getenv(wire.Handshake.MagicCookieKey) != wire.Handshake.MagicCookieValue {
		byHand(os.Stderr, os.Args)
		os.Exit(exitByHand)
	}
	holdLifeline()
	stderr := os.Stderr
	guardStdout()
	// go-plugin sends prints through a stream of its own, which loses the last
	// ones of a process that dies. Here they take the way of a panic's stack.
	keep := sync.OnceFunc(func() { os.Stdout, os.Stderr = stderr, stderr })
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{wire.Version: {wire.PluginName: &services{converter: c, executor: e}}},
		Logger:           Logger(),
		GRPCServer:       func(o []grpc.ServerOption) *grpc.Server { return newServer(o, keep) },
	})
}

func byHand(w io.Writer, args []string) {
	name := "this program"
	if len(args) > 0 {
		name = filepath.Base(args[0])
	}
	fmt.Fprintf(w, "%s is a plugin of loraconv and is not started by hand: name it in required_plugins of a spec, and loraconv starts it.\n", name)
}

// Logger writes lines that the host understands, at the level that it shows.
var Logger = sync.OnceValue(func() hclog.Logger {
	level := hclog.LevelFromString(os.Getenv(wire.EnvLog))
	if level == hclog.NoLevel {
		level = hclog.Warn
	}
	return hclog.New(&hclog.LoggerOptions{Level: level, Output: os.Stderr, JSONFormat: true})
})

// NewServer makes a server with the limits and the care of Serve, over any
// connection. It is for package sdktest. Either of c and e may be nil.
func NewServer(c sdk.Converter, e Executor) *grpc.Server {
	s := newServer(nil, func() {})
	register(s, c, e)
	return s
}

func newServer(o []grpc.ServerOption, first func()) *grpc.Server {
	o = append(append(o, wire.ServerOptions()...), recovering(first)...)
	return grpc.NewServer(o...)
}

func register(r grpc.ServiceRegistrar, c sdk.Converter, e Executor) {
	if c != nil {
		pb.RegisterConverterServer(r, &converter{c: c})
	}
	if e != nil {
		pb.RegisterExecutorServer(r, &executor{e: e})
	}
}

// services is the plugin set's one entry.
type services struct {
	goplugin.NetRPCUnsupportedPlugin
	converter sdk.Converter
	executor  Executor
}

func (s *services) GRPCServer(_ *goplugin.GRPCBroker, r *grpc.Server) error {
	register(r, s.converter, s.executor)
	return nil
}

func (s *services) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("this is the plugin's half")
}

// converter answers for a Converter; see describe.go and plan.go.
type converter struct {
	pb.UnimplementedConverterServer
	c sdk.Converter
}

// executor answers for an Executor; see execute.go.
type executor struct {
	pb.UnimplementedExecutorServer
	e Executor
}
