//go:build linux

package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/sdk"
)

// patient suits a busy machine; the tests of what takes too long are not.
var (
	patient = Timeouts{Start: 30 * time.Second, Describe: 30 * time.Second, Plan: 30 * time.Second, Stall: 30 * time.Second, Kill: time.Second}
	noStart = Timeouts{Start: 1500 * time.Millisecond, Kill: time.Second}
	noPlan  = Timeouts{Start: 30 * time.Second, Plan: time.Second, Kill: time.Second}
	noEvent = Timeouts{Start: 30 * time.Second, Stall: 1500 * time.Millisecond, Kill: time.Second}
)

func command(t *testing.T, mode string) Command {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Command{Name: "p", Path: exe, Env: []string{modeEnv + "=" + mode}, Bundled: true, Timeouts: patient}
}

// start starts a program and, at the end of the test, checks that nothing of
// it is left.
func start(t *testing.T, c Command) *Process {
	t.Helper()
	check := leftovers(t)
	p, err := Start(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		began := time.Now()
		pid, dir := p.PID(), p.dir.path
		p.Close()
		if d := time.Since(began); d > 3*time.Second {
			t.Errorf("Close took %v", d)
		}
		check(pid, dir)
	})
	return p
}

// leftovers returns a check that no process of the group, no directory and no
// descriptor is left.
func leftovers(t *testing.T) func(pid int, dir string) {
	before := descriptors(t)
	return func(pid int, dir string) {
		t.Helper()
		if left := group(t, pid); pid != 0 && len(left) > 0 {
			t.Errorf("of process group %d there is still %q", pid, left)
		}
		if _, err := os.Stat(dir); dir != "" && !os.IsNotExist(err) {
			t.Errorf("directory %s is still there: %v", dir, err)
		}
		var after []string
		for range 40 { // gRPC closes its connection in the background
			if after = descriptors(t); len(after) <= len(before) {
				return
			}
			time.Sleep(25 * time.Millisecond)
		}
		t.Errorf("descriptors are left:\n%s", cmp.Diff(before, after))
	}
}

// group lists the processes of a group, but for those that have ended and
// wait for whoever inherited them to notice.
func group(t *testing.T, pgid int) (out []string) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range stats {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(b), ") ")
		if f := strings.Fields(rest); len(f) > 2 && f[2] == fmt.Sprint(pgid) && f[0] != "Z" && f[0] != "X" {
			out = append(out, string(b))
		}
	}
	return out
}

func descriptors(t *testing.T) []string {
	t.Helper()
	var out []string
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && !strings.Contains(to, "/proc/") && !strings.Contains(to, "anon_inode") {
			out = append(out, to)
		}
	}
	return out
}

func TestDescribeAndPlan(t *testing.T) {
	p := start(t, command(t, "good"))
	ctx := context.Background()
	d, err := p.Describe(ctx, sdk.DescribeRequest{HostVersion: "0.1.0"})
	if err != nil {
		t.Fatal(err)
	}
	want, _ := good{}.Describe(ctx, sdk.DescribeRequest{HostVersion: "0.1.0"})
	if diff := cmp.Diff(want, d); diff != "" {
		t.Errorf("describe (-want +got):\n%s", diff)
	}
	r, err := p.Plan(ctx, goodRequest())
	if err != nil {
		t.Fatal(err)
	}
	b, err := plan.Encode(r.Plan)
	if err != nil {
		t.Fatal(err)
	}
	const text = `{"plan":1,"sources":["ft"],"output":{"format":"pytorch","file":"model.safetensors"}}
{"fact":"alpha","value":"float64 16","from":"args"}
{"tensor":"a.w","dtype":"float32","shape":[4],"rule":"all","expr":{"op":"source","from":"ft","name":"a/w"}}
{"tensor":"b.w","dtype":"bfloat16","shape":[2,3],"rule":"all","expr":{"op":"source","from":"ft","name":"b/w"}}
`
	if diff := cmp.Diff(text, string(b)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"r": 2}, r.RulesHit); diff != "" {
		t.Errorf("rules hit (-want +got):\n%s", diff)
	}
}

func TestPlanRefuses(t *testing.T) {
	p := start(t, command(t, "plain"))
	req := goodRequest()
	req.Method = "refuse"
	r, err := p.Plan(context.Background(), req)
	if err != nil {
		t.Fatal(err)
	}
	if r.Plan != nil || r.Diagnostics.Class() != diag.Keys || !strings.Contains(r.Diagnostics.Error(), `"b/lora_a"`) {
		t.Errorf("got %+v", r)
	}
}

func TestEnvironmentIsNotInherited(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	c := command(t, "good")
	c.Env = append(c.Env, "GIVEN=yes")
	p := start(t, c)
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range strings.Split(strings.TrimRight(string(env), "\x00"), "\x00") {
		name, _, _ := strings.Cut(e, "=")
		switch {
		case name == modeEnv, name == "GIVEN", strings.HasPrefix(name, "PLUGIN_"), strings.HasPrefix(name, "LORACONV_PLUGIN"):
		case name == "-----END CERTIFICATE-----", !strings.Contains(e, "="):
		default:
			t.Errorf("environment holds %q", e)
		}
	}
	if !bytes.Contains(env, []byte("GIVEN=yes")) {
		t.Error("environment lacks what was given")
	}
	for fd, want := range map[int]string{0: "/dev/null", 3: "pipe:"} {
		if to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", p.PID(), fd)); !strings.HasPrefix(to, want) {
			t.Errorf("descriptor %d is %q, wanted %s", fd, to, want)
		}
	}
	if cwd, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.PID())); cwd != p.dir.path {
		t.Errorf("working directory is %q, wanted %q", cwd, p.dir.path)
	}
}

// misbehave runs one call against a program and returns how it failed.
func misbehave(t *testing.T, mode string, limits Timeouts, call func(context.Context, *Process) error) *diag.Diagnostic {
	t.Helper()
	check := leftovers(t)
	began := time.Now()
	ctx := context.Background()
	c := command(t, mode)
	c.Timeouts = limits
	p, err := Start(ctx, c)
	var pid int
	var dir string
	if err == nil {
		pid, dir = p.PID(), p.dir.path
		err = call(ctx, p)
		if again := call(ctx, p); again == nil || again.Error() != err.Error() {
			t.Errorf("the second call gives %v, wanted the first fault again", again)
		}
		p.Close()
	}
	if d := time.Since(began); d > 10*time.Second { // the longest wait plus 5 s, and a busy machine
		t.Errorf("took %v", d)
	}
	check(pid, dir)
	var d *diag.Diagnostic
	if !errors.As(err, &d) {
		t.Fatalf("got %v, wanted a diagnostic", err)
	}
	return d
}

func describe(ctx context.Context, p *Process) error {
	_, err := p.Describe(ctx, sdk.DescribeRequest{})
	return err
}

func planning(ctx context.Context, p *Process) error {
	_, err := p.Plan(ctx, goodRequest())
	return err
}

func execute(ctx context.Context, p *Process) error {
	return p.Execute(ctx, &sdk.ExecuteRequest{Plan: []byte("x"), Placements: make([]sdk.Placement, 2)}, func(sdk.Event) error { return nil })
}

func TestMisbehaviour(t *testing.T) {
	tests := []struct {
		mode   string
		call   func(context.Context, *Process) error
		code   string
		want   []string // parts of the detail
		limits Timeouts
	}{
		{"silent", describe, CodeTimeout, []string{"while starting", "1.5s"}, noStart},
		{"exit", describe, CodeExit, []string{"exited with status 3", "no license"}, patient},
		{"stopped", describe, CodeTimeout, []string{"1.5s"}, noStart},
		{"stdout-garbage", describe, CodeStart, []string{`"hello \x1b[31mworld"`}, patient},
		{"stdout-endless", describe, CodeStart, []string{"xxxx", "…"}, patient},
		{"stdout-netrpc", describe, CodeStart, []string{"netrpc"}, patient},
		{"stdout-core", describe, CodeStart, []string{"7"}, patient},
		{"stdout-outside", describe, CodeStart, []string{"its address is not in the directory"}, patient},
		{"stdout-elsewhere", describe, CodeStart, []string{"directory"}, patient},
		{"no-tls", describe, CodeTimeout, []string{"1.5s"}, noStart},
		{"version", describe, CodeVersion, []string{"it speaks version 7, this loraconv speaks 1"}, patient},
		{"other", describe, CodeMessage, []string{`its name is "other"`}, patient},
		{"no-service", describe, CodeMessage, []string{"does not know the call"}, patient},
		{"describe-types", describe, CodeMessage, []string{"number", "name"}, patient},
		{"describe-twice", describe, CodeMessage, []string{`key "name" stands twice`}, patient},

		{"hang", planning, CodeTimeout, []string{`planning conversion "c"`, "1s"}, noPlan},
		{"stop", planning, CodeTimeout, []string{"1s"}, noPlan},
		{"panic", planning, CodeFailed, []string{`panic: rule \x1b]0;title\x07 7 has no axis`, "main_test.go"}, patient},
		{"crash", planning, CodeExit, []string{"exited with status 2", "panic: in a goroutine"}, patient},
		{"exit-in-plan", planning, CodeExit, []string{"exited with status 5"}, patient},
		{"killed", planning, CodeExit, []string{"signal 9 (killed)"}, patient},
		{"stderr-flood", planning, CodeFlood, []string{"64 MiB", "stderr stderr"}, patient},
		{"grandchild", planning, CodeExit, []string{"exited with status 0", "grandchild="}, patient},
		{"plan-oversize", planning, CodeMessage, []string{"larger than 64 MiB"}, patient},
		{"plan-json", planning, CodeMessage, []string{"unexpected end of JSON"}, patient},
		{"plan-field", planning, CodeMessage, []string{`unknown field "colour"`}, patient},
		{"plan-class", planning, CodeMessage, []string{"class 10"}, patient},
		{"plan-encoding", planning, CodeMessage, []string{"not in canonical form"}, patient},
		{"plan-empty", planning, CodeMessage, []string{"neither a plan nor an error"}, patient},
		{"plan-hits", planning, CodeMessage, []string{`"absent"`}, patient},

		{"execute-exit", execute, CodeExit, []string{"exited with status 0"}, patient},
		{"execute-stop", execute, CodeTimeout, []string{"no event for 1.5s"}, noEvent},
		{"execute-silent", execute, CodeTimeout, []string{"no event for 1.5s"}, noEvent},
		{"execute-early", execute, CodeMessage, []string{"without done"}, patient},
		{"execute-endless", execute, CodeFlood, []string{"reports of progress"}, patient},
		{"execute-phases", execute, CodeFlood, []string{"of phases"}, patient},
		{"execute-two", execute, CodeMessage, []string{"2 fields are set"}, patient},
		{"execute-index", execute, CodeMessage, []string{"tensor 99 of 2"}, patient},
		{"execute-file", execute, CodeMessage, []string{`"../etc/passwd" was not asked for`}, patient},
		{"execute-back", execute, CodeMessage, []string{"progress goes from"}, patient},
		{"execute-after", execute, CodeMessage, []string{"after the last one"}, patient},
	}
	for _, tt := range tests {
		t.Run(tt.mode, func(t *testing.T) {
			d := misbehave(t, tt.mode, tt.limits, tt.call)
			if d.Class != diag.Plugin || d.Class.ExitCode() != 6 || d.Code != tt.code {
				t.Errorf("got class %d, code %q, wanted %q", d.Class, d.Code, tt.code)
			}
			for _, w := range append(tt.want, `plugin "p"`) {
				if !strings.Contains(d.Detail, w) {
					t.Errorf("detail lacks %q", w)
				}
			}
			if strings.ContainsAny(d.Error(), "\x1b\x07") {
				t.Errorf("detail holds control characters")
			}
			if t.Failed() || testing.Verbose() {
				t.Logf("%s: %s", d.Summary, d.Detail)
			}
		})
	}
}

func TestExecute(t *testing.T) {
	ctx := context.Background()
	events := func(t *testing.T, p *Process, r *sdk.ExecuteRequest) (map[string]int, error) {
		n := map[string]int{}
		err := p.Execute(ctx, r, func(e sdk.Event) error {
			switch {
			case e.Phase != nil:
				n["phase"]++
			case e.Progress != nil:
				n["progress"]++
			case e.Done != nil:
				n["done"] += e.Done.Chunks
			default:
				n["other"]++
			}
			return nil
		})
		return n, err
	}
	t.Run("done", func(t *testing.T) {
		n, err := events(t, start(t, command(t, "good")), &sdk.ExecuteRequest{Plan: []byte("plan")})
		if diff := cmp.Diff(map[string]int{"phase": 1, "done": 4}, n); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	})
	t.Run("too much progress is thinned out", func(t *testing.T) {
		n, err := events(t, start(t, command(t, "good")), &sdk.ExecuteRequest{Workers: 1})
		if err != nil || n["progress"] < 1 || n["progress"] > 200 {
			t.Errorf("%v, %v", n, err)
		}
	})
	t.Run("a long silence has heartbeats", func(t *testing.T) {
		c := command(t, "good")
		c.Timeouts.Stall = 5 * time.Second // heartbeats come every 2 s
		n, err := events(t, start(t, c), &sdk.ExecuteRequest{Workers: 2, SlowMillis: 7000})
		if err != nil || n["progress"] < 2 {
			t.Errorf("%v, %v", n, err)
		}
	})
	t.Run("failed", func(t *testing.T) {
		p := start(t, command(t, "good"))
		_, err := events(t, p, &sdk.ExecuteRequest{Workers: 3})
		var ds diag.List
		if !errors.As(err, &ds) || ds.Class() != diag.Source || len(ds) != 2 {
			t.Errorf("got %v", err)
		}
		if err := describe(ctx, p); err != nil {
			t.Errorf("after a report of failure the worker is gone: %v", err)
		}
	})
	t.Run("plain error", func(t *testing.T) {
		_, err := events(t, start(t, command(t, "good")), &sdk.ExecuteRequest{Workers: 4})
		var ds diag.List
		if !errors.As(err, &ds) || ds.Class() != diag.Plugin || !strings.Contains(ds.Error(), "disk on fire") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no done", func(t *testing.T) {
		_, err := events(t, start(t, command(t, "good")), &sdk.ExecuteRequest{Workers: 6})
		var d *diag.Diagnostic
		if !errors.As(err, &d) || d.Code != CodeFailed {
			t.Errorf("got %v", err)
		}
	})
	t.Run("panic", func(t *testing.T) {
		_, err := events(t, start(t, command(t, "good")), &sdk.ExecuteRequest{Workers: 7})
		var d *diag.Diagnostic
		if !errors.As(err, &d) || d.Code != CodeFailed || !strings.Contains(d.Detail, "panic: kernel") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("not for others", func(t *testing.T) {
		c := command(t, "good")
		c.Bundled = false
		_, err := events(t, start(t, c), &sdk.ExecuteRequest{})
		var d *diag.Diagnostic
		if !errors.As(err, &d) || d.Class != diag.Plugin {
			t.Errorf("got %v", err)
		}
	})
	t.Run("error of emit", func(t *testing.T) {
		full := errors.New("journal is full")
		err := start(t, command(t, "good")).Execute(ctx, &sdk.ExecuteRequest{Workers: 1}, func(sdk.Event) error { return full })
		if err != full {
			t.Errorf("got %v", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		stage := t.TempDir()
		ctx, cancel := context.WithCancelCause(ctx)
		interrupt := errors.New("interrupt")
		p := start(t, command(t, "good"))
		err := p.Execute(ctx, &sdk.ExecuteRequest{Workers: 5, Stage: stage}, func(sdk.Event) error { cancel(interrupt); return nil })
		if !errors.Is(err, interrupt) {
			t.Errorf("got %v", err)
		}
		for range 100 {
			if _, err = os.Stat(filepath.Join(stage, "cancelled")); err == nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Error("the worker was not told")
	})
}

func TestPeakRSSIsTheChilds(t *testing.T) {
	mine := make([]byte, 200<<20) // the host's own peak must not show
	for i := range mine {
		mine[i] = 1
	}
	p := start(t, command(t, "good"))
	if err := p.Execute(context.Background(), &sdk.ExecuteRequest{Workers: 8}, func(sdk.Event) error { return nil }); err != nil {
		t.Fatal(err)
	}
	p.Close()
	if got, own := p.PeakRSS(), highWater(os.Getpid()); got < 64<<20 || got > own*3/4 {
		t.Errorf("peak is %d MiB; the child took 64 MiB and a Go process, the host %d MiB", got>>20, own>>20)
	}
	t.Logf("high water %d MiB, wait4 %d MiB", p.PeakRSS()>>20, maxRSS(p.child.state)>>20)
	_ = mine[len(mine)-1]
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestLog(t *testing.T) {
	var out buffer
	c := command(t, "prints")
	c.Log = hclog.New(&hclog.LoggerOptions{Level: hclog.Debug, Output: &out, DisableTime: true})
	p := start(t, c)
	if err := describe(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	p.Close()
	for _, want := range []string{"[DEBUG] p: a print to stdout", "[DEBUG] p: a print to stderr", `[WARN]  p: a line \x1b[1mof hclog: key=value\x07`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}

func TestStartIsCancelled(t *testing.T) {
	check := leftovers(t)
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := Start(ctx, command(t, "silent"))
	if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 3*time.Second {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
	check(0, "")
}

func TestStartRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Command)
		code   string
		want   string
	}{
		{"relative path", func(c *Command) { c.Path = "plugin" }, CodeStart, `"plugin" is not absolute`},
		{"no such file", func(c *Command) { c.Path = "/nowhere/plugin" }, CodeStart, "no such file"},
		{"not executable", func(c *Command) { c.Path = "/etc/passwd" }, CodeStart, "permission denied"},
		{"protocol's environment", func(c *Command) { c.Env = []string{"PLUGIN_CLIENT_CERT=x"} }, CodeStart, "belongs to the protocol"},
		{"other bytes", func(c *Command) { c.SHA256 = strings.Repeat("0", 64) }, CodeChanged, "wanted 0000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check := leftovers(t)
			c := command(t, "good")
			tt.change(&c)
			_, err := Start(context.Background(), c)
			var d *diag.Diagnostic
			if !errors.As(err, &d) || d.Code != tt.code || !strings.Contains(d.Detail, tt.want) {
				t.Errorf("got %v, wanted %q", err, tt.want)
			}
			check(0, "")
		})
	}
}
