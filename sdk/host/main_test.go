//go:build linux

package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/internal/wire"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
	"github.com/loraconv/loraconv/sdk/plugin"
)

// modeEnv makes this test binary a plugin instead: one that behaves, or one
// of the programs below that do not.
const modeEnv = "TEST_MODE"

var glutted []byte

func TestMain(m *testing.M) {
	mode, ok := os.LookupEnv(modeEnv)
	if !ok {
		os.Exit(m.Run())
	}
	program, ok := programs[mode]
	if !ok {
		fmt.Fprintln(os.Stderr, "unknown mode", mode)
		os.Exit(99)
	}
	program()
}

// programs are what a Command of the tests can start.
var programs = map[string]func(){
	"good":  func() { plugin.ServeHost(good{}, worker{}) },
	"plain": func() { plugin.Serve(good{}) },

	"silent":         func() { select {} },
	"exit":           func() { fmt.Fprintln(os.Stderr, "no license"); os.Exit(3) },
	"stopped":        func() { stopSelf(); select {} },
	"stdout-garbage": func() { fmt.Println("hello \x1b[31mworld"); select {} },
	"stdout-endless": func() { flood(os.Stdout, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx") },
	"stdout-netrpc":  func() { fmt.Println("1|1|unix|" + os.Getenv(goplugin.EnvUnixSocketDir) + "/s|netrpc|"); select {} },
	"stdout-core":    func() { fmt.Println("7|1|unix|/nowhere|grpc|"); select {} },
	"stdout-outside": func() { fmt.Println("1|1|unix|/run/other.sock|grpc|"); select {} },
	"stdout-elsewhere": func() {
		fmt.Println("1|1|tcp|192.0.2.1:80|grpc|" + strings.Repeat("A", 60))
		select {}
	},
	"no-tls":      func() { fmt.Printf("1|1|unix|%s|grpc|\n", listenAndHang()); select {} },
	"version":     func() { serveRaw(7, nil, nil) },
	"other":       func() { plugin.Serve(call{describe: func() {}, name: "other"}) },
	"describe-by": func() { plugin.Serve(nil) },

	"hang":         func() { plugin.Serve(call{plan: func() { select {} }}) },
	"stop":         func() { plugin.Serve(call{plan: func() { stopSelf(); select {} }}) },
	"panic":        func() { plugin.Serve(call{plan: func() { panic("rule \x1b]0;title\a 7 has no axis") }}) },
	"crash":        func() { plugin.Serve(call{plan: func() { go panic("in a goroutine"); select {} }}) },
	"late-exit":    func() { plugin.Serve(call{plan: func() { time.Sleep(500 * time.Millisecond); os.Exit(7) }}) },
	"exit-in-plan": func() { plugin.Serve(call{plan: func() { os.Exit(5) }}) },
	"killed":       func() { plugin.Serve(call{plan: func() { syscall.Kill(os.Getpid(), syscall.SIGKILL); select {} }}) },
	"stderr-flood": func() {
		plugin.Serve(call{plan: func() { flood(os.Stderr, strings.Repeat("stderr ", 20)+"\n") }})
	},
	"grandchild": func() { plugin.Serve(call{plan: func() { grandchild(nil) }}) },
	"escaped":    func() { plugin.Serve(call{plan: func() { grandchild(&syscall.SysProcAttr{Setsid: true}) }}) },
	// These two know one of the two ways to learn of the host's death.
	"deathless": func() { deathSignal(0); plugin.Serve(good{}) },
	"deaf":      func() { os.Unsetenv(wire.EnvLifeline); plugin.Serve(good{}) },
	"sleeper":   func() { time.Sleep(time.Minute) },
	"glutton":   func() { plugin.Serve(call{plan: func() { glutted = make([]byte, 16<<30) }}) },
	"prints": func() {
		plugin.Serve(call{describe: func() {
			fmt.Println("a print to stdout")
			fmt.Fprintln(os.Stderr, "a print to stderr")
			plugin.Logger().Warn("a line \x1b[1mof hclog", "key", "value\x07")
		}})
	},

	"plan-oversize": func() { serveRaw(1, rawConverter{plan: &pb.PlanResponse{Plan: make([]byte, wire.MaxMessage+1)}}, nil) },
	"plan-json":     func() { serveRaw(1, rawConverter{plan: &pb.PlanResponse{Diagnostics: []byte(`[{"sev`)}}, nil) },
	"plan-field": func() {
		serveRaw(1, rawConverter{plan: &pb.PlanResponse{Diagnostics: []byte(`[{"colour":"red"}]`)}}, nil)
	},
	"plan-class": func() {
		serveRaw(1, rawConverter{plan: &pb.PlanResponse{Diagnostics: []byte(`[{"severity":0,"class":10,"code":"c","summary":"s"}]`)}}, nil)
	},
	"plan-encoding": func() { serveRaw(1, rawConverter{plan: &pb.PlanResponse{Plan: []byte("{\"plan\": 1}\n")}}, nil) },
	"plan-empty":    func() { serveRaw(1, rawConverter{plan: &pb.PlanResponse{}}, nil) },
	"plan-hits": func() {
		serveRaw(1, rawConverter{plan: &pb.PlanResponse{Plan: goodPlan(), RulesHit: map[string]int64{"absent": 1}}}, nil)
	},
	"describe-types": func() { serveRaw(1, rawConverter{describe: &pb.DescribeResponse{Json: []byte(`{"name":5}`)}}, nil) },
	"describe-twice": func() {
		serveRaw(1, rawConverter{describe: &pb.DescribeResponse{Json: []byte(`{"name":"p","name":"p","version":"1.0.0"}`)}}, nil)
	},
	"no-service": func() { serveRaw(1, nil, nil) },

	"execute-exit":   func() { serveRaw(1, nil, rawExecutor(func(s sender) { s.progress(1); os.Exit(0) })) },
	"execute-stop":   func() { serveRaw(1, nil, rawExecutor(func(s sender) { s.progress(1); stopSelf(); select {} })) },
	"execute-silent": func() { serveRaw(1, nil, rawExecutor(func(s sender) { s.progress(1); select {} })) },
	"execute-early":  func() { serveRaw(1, nil, rawExecutor(func(s sender) { s.progress(1) })) },
	"execute-endless": func() {
		serveRaw(1, nil, rawExecutor(func(s sender) {
			for s.progress(1) == nil {
			}
		}))
	},
	"execute-phases": func() {
		serveRaw(1, nil, rawExecutor(func(s sender) {
			for s.send(`{"phase":{"name":"stream"}}`) == nil {
			}
		}))
	},
	"execute-two": func() {
		serveRaw(1, nil, rawExecutor(func(s sender) { s.send(`{"done":{},"phase":{"name":"sync"}}`) }))
	},
	"execute-index": func() { serveRaw(1, nil, rawExecutor(func(s sender) { s.send(`{"tensor":{"index":99}}`) })) },
	"execute-file": func() {
		serveRaw(1, nil, rawExecutor(func(s sender) { s.send(`{"file":{"file":"../etc/passwd","bytes":1,"sha256":"00"}}`) }))
	},
	"execute-back": func() {
		serveRaw(1, nil, rawExecutor(func(s sender) { s.progress(5); s.progress(4) }))
	},
	"execute-after": func() {
		serveRaw(1, nil, rawExecutor(func(s sender) {
			s.send(`{"done":{"peak_rss":1,"chunks":1,"missing":0}}`)
			s.progress(9)
		}))
	},

	"host": hostProgram,
}

// good is a plugin that does what it is asked.
type good struct{}

func (good) Describe(_ context.Context, r sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	return &sdk.DescribeResponse{Name: "p", Version: "1.2.3", Trees: []string{".", "params", "items/*"}, Methods: []string{"merge"},
		Source:  sdk.Schema{Attributes: []sdk.Attribute{{Name: "config", Type: "string", Required: true, Doc: "Which model."}}},
		Outputs: map[string]sdk.Schema{"pytorch": {}}, Rules: map[string]string{"rows": "rule \"a\" {}\n# " + r.HostVersion}}, nil
}

func (good) Plan(_ context.Context, r sdk.PlanRequest) (*sdk.PlanResponse, error) {
	if r.Method == "refuse" {
		var ds diag.List
		ds.Errorf(diag.Keys, "unpaired-lora", "A LoRA matrix has no partner", "%q", "b/lora_a")
		return &sdk.PlanResponse{Diagnostics: ds}, nil
	}
	if r.Method == "error" {
		return nil, errors.New("table is broken")
	}
	p := &plan.Plan{Version: plan.Version, Output: plan.Output{Format: "pytorch", File: "model.safetensors"}}
	for _, s := range r.Sources {
		p.Sources = append(p.Sources, s.Name)
		for _, t := range s.Manifest.Tensors {
			p.Tensors = append(p.Tensors, plan.Tensor{Name: strings.ReplaceAll(t.Name, "/", "."), DType: t.DType, Shape: t.Shape, Rule: "all", Expr: &plan.Source{From: s.Name, Name: t.Name}})
		}
		p.Facts = append(p.Facts, plan.Fact{Name: "alpha", Value: fmt.Sprintf("%T %v", s.Args["alpha"], s.Args["alpha"]), From: "args"})
	}
	return &sdk.PlanResponse{Plan: p, RulesHit: map[string]int{"r": len(p.Tensors)}}, nil
}

func goodRequest() sdk.PlanRequest {
	return sdk.PlanRequest{Conversion: "c", Rules: []sdk.TargetRule{{Name: "r", Match: []string{"**"}}},
		Sources: []sdk.Source{{Name: "ft", Role: "source", Weight: 1, Args: map[string]any{"alpha": int64(16)}, Manifest: &manifest.Manifest{Format: "orbax", Tensors: []manifest.Tensor{
			{Name: "b/w", Path: []string{"b", "w"}, DType: tensor.BFloat16, Shape: tensor.Shape{2, 3}},
			{Name: "a/w", Path: []string{"a", "w"}, DType: tensor.Float32, Shape: tensor.Shape{4}},
		}}}}}
}

func goodPlan() []byte {
	r, _ := good{}.Plan(context.Background(), goodRequest())
	b, err := plan.Encode(r.Plan)
	if err != nil {
		panic(err)
	}
	return b
}

// call is a good plugin that does one thing more in one of its calls.
type call struct {
	good
	name     string
	describe func()
	plan     func()
}

func (c call) Describe(ctx context.Context, r sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	if c.describe != nil {
		c.describe()
	}
	d, err := c.good.Describe(ctx, r)
	if c.name != "" {
		d.Name = c.name
	}
	return d, err
}

func (c call) Plan(ctx context.Context, r sdk.PlanRequest) (*sdk.PlanResponse, error) {
	if c.plan != nil {
		c.plan()
	}
	return c.good.Plan(ctx, r)
}

// worker is an Executor; Workers says how it behaves.
type worker struct{}

func (worker) Execute(ctx context.Context, r *sdk.ExecuteRequest, emit func(sdk.Event) error) error {
	if err := emit(sdk.Event{Phase: &sdk.Phase{Name: "stream"}}); err != nil {
		return err
	}
	switch r.Workers {
	case 1: // progress far too often
		for i := range int64(1_000_000) {
			if err := emit(sdk.Event{Progress: &sdk.Progress{Read: i}}); err != nil {
				return err
			}
		}
	case 2: // a long calculation without a word
		time.Sleep(time.Duration(r.SlowMillis) * time.Millisecond)
	case 3:
		var ds diag.List
		ds.Warnf("slow", "Slow", "")
		ds.Errorf(diag.Source, "corrupt-chunk", "A chunk cannot be read", "%q", "c/0/0")
		return fmt.Errorf("engine: %w", ds)
	case 4:
		return errors.New("disk on fire")
	case 5: // ends when the host no longer listens
		<-ctx.Done()
		if err := os.WriteFile(r.Stage+"/cancelled", nil, 0o600); err != nil {
			panic(err)
		}
		return ctx.Err()
	case 6:
		return nil // no done
	case 7:
		panic("kernel")
	case 8: // needs memory
		b := make([]byte, 64<<20)
		for i := range b {
			b[i] = 1
		}
		r.Plan = b[:len(r.Plan)]
	}
	return emit(sdk.Event{Done: &sdk.Done{PeakRSS: 1, Chunks: len(r.Plan)}})
}

func flood(f *os.File, s string) {
	for {
		if _, err := f.WriteString(s); err != nil {
			os.Exit(4)
		}
	}
}

func stopSelf() { syscall.Kill(os.Getpid(), syscall.SIGSTOP) }

// deathSignal sets what the kernel sends when the parent dies.
func deathSignal(s syscall.Signal) {
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(s), 0, 0, 0); err != nil {
		panic(err)
	}
}

// listenAndHang makes a socket that takes connections and says nothing.
func listenAndHang() string {
	path := os.Getenv(goplugin.EnvUnixSocketDir) + "/s"
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err == nil {
		err = syscall.Bind(fd, &syscall.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = syscall.Listen(fd, 5)
	}
	if err != nil {
		panic(err)
	}
	return path
}

// grandchild leaves a process behind that holds stdout and stderr open, and
// tells its pid to whoever looks.
func grandchild(attr *syscall.SysProcAttr) {
	c := exec.Command("/proc/self/exe")
	c.Env = []string{modeEnv + "=sleeper"}
	c.Stdout, c.Stderr, c.SysProcAttr = os.Stderr, os.Stderr, attr
	if err := c.Start(); err != nil {
		panic(err)
	}
	fmt.Fprintf(os.Stderr, "grandchild=%d\n", c.Process.Pid)
	os.Exit(0)
}

// serveRaw serves messages as they are, past everything that sdk/plugin does
// to keep an author from mistakes.
func serveRaw(version int, c pb.ConverterServer, e rawExecutor) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{version: {wire.PluginName: rawServices{c: c, e: e}}},
		GRPCServer:       func(o []grpc.ServerOption) *grpc.Server { return grpc.NewServer(o...) },
	})
}

type rawServices struct {
	goplugin.NetRPCUnsupportedPlugin
	c pb.ConverterServer
	e rawExecutor
}

func (s rawServices) GRPCServer(_ *goplugin.GRPCBroker, r *grpc.Server) error {
	if s.c != nil {
		pb.RegisterConverterServer(r, s.c)
	}
	if s.e != nil {
		pb.RegisterExecutorServer(r, rawExecutorServer{run: s.e})
	}
	return nil
}

func (s rawServices) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("unused")
}

type rawConverter struct {
	pb.UnimplementedConverterServer
	describe *pb.DescribeResponse
	plan     *pb.PlanResponse
}

func (s rawConverter) Describe(context.Context, *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	return s.describe, nil
}

func (s rawConverter) Plan(context.Context, *pb.PlanRequest) (*pb.PlanResponse, error) {
	return s.plan, nil
}

type rawExecutor func(sender)

type rawExecutorServer struct {
	pb.UnimplementedExecutorServer
	run rawExecutor
}

func (s rawExecutorServer) Execute(_ *pb.ExecuteRequest, stream pb.Executor_ExecuteServer) error {
	s.run(sender{stream})
	return nil
}

type sender struct{ stream pb.Executor_ExecuteServer }

func (s sender) send(doc string) error { return s.stream.Send(&pb.ExecuteEvent{Json: []byte(doc)}) }

func (s sender) progress(read int64) error {
	b, err := json.Marshal(sdk.Event{Progress: &sdk.Progress{Read: read}})
	if err != nil {
		return err
	}
	return s.send(string(b))
}

// hostProgram is a host that starts a plugin, says so and waits to be killed.
func hostProgram() {
	p, err := Start(context.Background(), Command{Name: "p", Path: "/proc/self/exe", Env: []string{modeEnv + "=" + os.Getenv("TEST_CHILD")}})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(p.PID(), p.dir.path)
	select {}
}
