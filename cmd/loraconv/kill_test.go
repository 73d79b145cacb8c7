//go:build linux

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// phases and how long, in milliseconds, each is made to last, so that a kill
// hits the phase it means. Streaming is slowed tile by tile: more than a
// hundred tiles, two at a time, take well over two seconds.
var phases = []string{"layout", "stream", "digest", "publish"}
var slowed = map[string]int{"layout": 2000, "stream": 60, "digest": 2000, "publish": 2000}

// repeats is how often each kill is tried: once, or LORACONV_KILLS times
// (make kills).
func repeats(t *testing.T) int {
	t.Helper()
	s := os.Getenv("LORACONV_KILLS")
	if s == "" {
		return 1
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		t.Fatalf("LORACONV_KILLS=%q", s)
	}
	return n
}

// victim is a conversion in processes of its own.
type victim struct {
	cmd    *exec.Cmd
	out    string // the output's path, alone in its directory
	spec   string
	stderr *bytes.Buffer
	lines  *bufio.Reader
}

func newVictim(t *testing.T, plugin, phase string) *victim {
	t.Helper()
	dir := absolute(t, filepath.Join("testdata", "openpi", "pi05_lora"))
	c := readCase(t, dir)
	v := &victim{out: filepath.Join(t.TempDir(), "out"), stderr: new(bytes.Buffer)}
	v.spec = writeSpec(t, c.spec(c.source(dir), "mixed", v.out))
	v.cmd = exec.Command(os.Args[0], "run", v.spec)
	v.cmd.Env = append(os.Environ(), "LORACONV_TEST_MAIN=1", fmt.Sprintf("LORACONV_TEST_SLOW=%s=%d", phase, slowed[phase]), "LORACONV_PLUGIN_OPENPI="+plugin)
	r, err := v.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	v.lines = bufio.NewReader(io.TeeReader(r, v.stderr))
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return v
}

// until reads what the host says up to the beginning of a phase.
func (v *victim) until(t *testing.T, phase string) {
	t.Helper()
	for {
		line, err := v.lines.ReadString('\n')
		if err != nil {
			t.Fatalf("the run ended before phase %q:\n%s", phase, v.stderr)
		}
		if strings.TrimSpace(line) == "robot: "+phase {
			return
		}
	}
}

// end waits for the host and returns its exit code, or -1 if it was killed.
func (v *victim) end() int {
	_, _ = io.Copy(io.Discard, v.lines)
	_ = v.cmd.Wait()
	return v.cmd.ProcessState.ExitCode()
}

// proc is a process that cannot be taken for a later one with its number.
type proc struct {
	pid   int
	start string
	argv  string
}

// descendants lists the processes below pid.
func descendants(t *testing.T, pid int) []proc {
	t.Helper()
	children := map[int][]proc{}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		n, _ := strconv.Atoi(filepath.Base(d))
		if p, parent, ok := readProc(n); ok {
			children[parent] = append(children[parent], p)
		}
	}
	var out []proc
	todo := []int{pid}
	for len(todo) > 0 {
		for _, c := range children[todo[0]] {
			out = append(out, c)
			todo = append(todo, c.pid)
		}
		todo = todo[1:]
	}
	return out
}

func readProc(pid int) (p proc, parent int, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return proc{}, 0, false
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if f[0] == "Z" {
		return proc{}, 0, false
	}
	parent, _ = strconv.Atoi(f[1])
	argv, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return proc{pid, f[19], string(argv)}, parent, true
}

// gone waits up to d for processes to end.
func gone(t *testing.T, ps []proc, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); ; time.Sleep(20 * time.Millisecond) {
		var left []proc
		for _, p := range ps {
			if now, _, ok := readProc(p.pid); ok && now.start == p.start {
				left = append(left, p)
			}
		}
		if len(left) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("after %v there are still %+v", d, left)
			return
		}
	}
}

// afterwards checks what a killed run leaves: the output absent or complete,
// and a new run that succeeds and leaves nothing beside it.
func (v *victim) afterwards(t *testing.T, clean bool) {
	t.Helper()
	if _, err := os.Stat(v.out); err == nil {
		if code, _, stderr := loraconv(t, "verify", v.out); code != 0 {
			t.Errorf("the output is there and is not complete:\n%s", stderr)
		}
	}
	es, err := os.ReadDir(filepath.Dir(v.out))
	if err != nil {
		t.Fatal(err)
	}
	if clean && len(es) > 0 && !(len(es) == 1 && es[0].Name() == "out") {
		t.Errorf("left behind: %v", es)
	}
	if code, stdout, stderr := loraconv(t, "run", v.spec); code != 0 {
		t.Errorf("a new run: exit %d\n%s%s", code, stdout, stderr)
	}
	if es, err := os.ReadDir(filepath.Dir(v.out)); err != nil || len(es) != 1 {
		t.Errorf("after a new run: %v, %v", es, err)
	}
	if code, _, stderr := loraconv(t, "verify", v.out); code != 0 {
		t.Errorf("the new output does not verify:\n%s", stderr)
	}
}

func TestKill(t *testing.T) {
	external := buildPlugin(t, "openpi")
	for _, who := range []string{"host", "worker", "planner"} {
		for _, phase := range phases {
			for i := range repeats(t) {
				t.Run(fmt.Sprintf("%s/%s/%d", who, phase, i), func(t *testing.T) {
					t.Parallel()
					plugin := ""
					if who == "planner" {
						plugin = external
					}
					v := newVictim(t, plugin, phase)
					v.until(t, phase)
					ps := descendants(t, v.cmd.Process.Pid)
					target, found := choose(who, v.cmd.Process.Pid, ps)
					if found {
						if err := syscall.Kill(target, syscall.SIGKILL); err != nil {
							t.Fatal(err)
						}
					}
					code := v.end()
					gone(t, ps, 2*time.Second)
					switch {
					case who == "host" && code != -1:
						t.Errorf("the host was killed and ended with %d", code)
					case who == "worker" && phase != "publish" && code != 6:
						t.Errorf("exit %d, wanted 6\n%s", code, v.stderr)
					case who == "planner" && code != 0 && code != 6:
						t.Errorf("exit %d, wanted 0 or 6\n%s", code, v.stderr)
					}
					v.afterwards(t, who != "host")
				})
			}
		}
	}
}

// choose finds the process to kill. An external planner has done its work
// before the worker starts, and is gone by then.
func choose(who string, host int, ps []proc) (int, bool) {
	if who == "host" {
		return host, true
	}
	for _, p := range ps {
		isPlanner := strings.Contains(p.argv, "loraconv-plugin-openpi")
		if isPlanner == (who == "planner") {
			return p.pid, true
		}
	}
	return 0, false
}

func TestInterrupt(t *testing.T) {
	hangUp := make(chan os.Signal, 1)
	signal.Notify(hangUp, syscall.SIGHUP) // or a test under nohup has children that ignore it
	t.Cleanup(func() { signal.Stop(hangUp) })
	for _, sig := range []struct {
		name   string
		signal syscall.Signal
		code   int
	}{{"SIGINT", syscall.SIGINT, 130}, {"SIGTERM", syscall.SIGTERM, 143}, {"SIGHUP", syscall.SIGHUP, 143}} {
		for _, phase := range phases {
			t.Run(sig.name+"/"+phase, func(t *testing.T) {
				t.Parallel()
				v := newVictim(t, "", phase)
				v.until(t, phase)
				ps := descendants(t, v.cmd.Process.Pid)
				if err := v.cmd.Process.Signal(sig.signal); err != nil {
					t.Fatal(err)
				}
				sent := time.Now()
				if code := v.end(); code != sig.code {
					t.Errorf("exit %d, wanted %d\n%s", code, sig.code, v.stderr)
				}
				if d := time.Since(sent); d > 5*time.Second {
					t.Errorf("it took %v", d)
				}
				gone(t, ps, 2*time.Second)
				if es, err := os.ReadDir(filepath.Dir(v.out)); err != nil || len(es) != 0 {
					t.Errorf("left behind: %v, %v", es, err)
				}
			})
		}
	}
}
