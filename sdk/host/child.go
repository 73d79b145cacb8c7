package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-plugin/runner"

	"github.com/loraconv/loraconv/sdk/internal/wire"
)

// lastWords is how long the pipes of a process that has ended are read on. A
// process that left the group may hold them open for ever.
const lastWords = 500 * time.Millisecond

// child is the process itself. go-plugin sees it as a runner.Runner, which
// gets the handshake line and nothing else: stdout, stderr, the wait and the
// kill are in our hands.
type child struct {
	cmd      *exec.Cmd
	sockets  string // directory of its socket
	out      *output
	limits   Limits
	hello    *hello
	stdout   *os.File // read ends
	stderr   *os.File
	lifeline *os.File      // our end; the other reads end-of-file when we are gone
	exited   chan struct{} // reaped, or never started
	done     chan struct{} // and its pipes are read to the end
	finish   func()        // frees what the executable was read from
	free     sync.Once
	expected atomic.Bool // we want it to end

	startErr error

	mu     sync.Mutex
	pid    int
	doomed bool // to be killed as soon as it runs
	gone   bool // reaped: its pid may belong to somebody else
	state  *os.ProcessState
	peak   int64
}

var _ runner.Runner = (*child)(nil)

// newChild prepares the process. env holds what go-plugin adds.
func newChild(c *Command, env []string, dir, sockets string, out *output) (_ *child, err error) {
	k := &child{sockets: sockets, out: out, limits: c.Limits, hello: newHello(), exited: make(chan struct{}), done: make(chan struct{}), finish: func() {}}
	path := c.Path
	if c.SHA256 != "" {
		if path, k.finish, err = sealed(c.Path, c.SHA256, dir); err != nil {
			return nil, err
		}
	}
	k.cmd = &exec.Cmd{Path: path, Args: append([]string{c.Path}, c.Args...), Dir: c.Dir, SysProcAttr: processAttributes()}
	if k.cmd.Dir == "" {
		k.cmd.Dir = dir
	}
	k.cmd.Env = append(append(k.cmd.Env, c.Env...), env...)
	k.cmd.Env = append(k.cmd.Env, wire.EnvLog+"="+out.log.GetLevel().String())
	out.flood = func() { k.expectEnd(); k.kill() }
	return k, nil
}

// Start starts the process in a goroutine that stays on one thread until the
// process has ended: the parent-death signal comes when that thread dies.
func (k *child) Start(context.Context) error {
	theirs, err := k.pipes()
	if err == nil {
		started := make(chan error)
		go k.keep(started)
		err = <-started
	}
	for _, f := range theirs {
		_ = f.Close()
	}
	if err != nil {
		k.startErr = err
		k.mu.Lock()
		k.gone = true
		k.mu.Unlock()
		k.hello.end()
		close(k.exited)
		close(k.done)
	}
	return err
}

// pipes makes the three pipes and returns the ends that belong to the child.
func (k *child) pipes() (theirs []*os.File, err error) {
	for _, p := range []struct {
		ours  **os.File
		write bool // ours is the end that is written
		give  func(*os.File)
	}{
		{&k.stdout, false, func(f *os.File) { k.cmd.Stdout = f }},
		{&k.stderr, false, func(f *os.File) { k.cmd.Stderr = f }},
		{&k.lifeline, true, k.giveLifeline},
	} {
		r, w, err := os.Pipe()
		if err != nil {
			return theirs, err
		}
		if p.write {
			r, w = w, r
		}
		*p.ours = r
		p.give(w)
		theirs = append(theirs, w)
	}
	return theirs, nil
}

func (k *child) giveLifeline(f *os.File) {
	if runtime.GOOS == "windows" {
		return // it cannot pass descriptors on
	}
	k.cmd.ExtraFiles = []*os.File{f}
	k.cmd.Env = append(k.cmd.Env, wire.EnvLifeline+"=3")
}

func (k *child) keep(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := k.cmd.Start() // stdin is /dev/null
	if err != nil {
		started <- err
		return
	}
	k.mu.Lock()
	k.pid = k.cmd.Process.Pid
	if err := confine(k.pid, k.limits); err != nil {
		k.out.log.Warn("the process runs without limits", "error", err)
	}
	if k.doomed {
		killGroup(k.pid)
	}
	k.mu.Unlock()
	started <- nil
	var pumps sync.WaitGroup
	pumps.Go(func() { k.out.pump("stderr", k.stderr) })
	pumps.Go(func() { k.out.pump("stdout", k.hello.first(k.stdout)) })

	awaitExit(k.cmd)
	k.mu.Lock()
	// Before it is reaped its pid, and so its group's id, is nobody else's.
	killGroup(k.pid)
	_ = k.cmd.Wait()
	k.state, k.gone = k.cmd.ProcessState, true
	k.mu.Unlock()
	close(k.exited)

	t := time.Now().Add(lastWords)
	_ = k.stdout.SetReadDeadline(t)
	_ = k.stderr.SetReadDeadline(t)
	pumps.Wait()
	k.hello.end()
	close(k.done)
}

// kill ends the process and its group at once. It does not wait.
func (k *child) kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.doomed = true
	if !k.gone && k.pid != 0 {
		killGroup(k.pid)
	}
}

// release frees our ends of the pipes. The process has been killed before.
func (k *child) release() {
	k.waitExit(lastWords)
	k.free.Do(func() {
		for _, f := range []*os.File{k.stdout, k.stderr, k.lifeline} {
			if f != nil {
				_ = f.Close()
			}
		}
		k.finish()
	})
}

// expectEnd notes that the end of the process is what we want.
func (k *child) expectEnd() { k.expected.Store(true) }

// byItself reports whether the process has ended without our doing.
func (k *child) byItself() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.state != nil && !(k.expected.Load() && killed(k.state))
}

func (k *child) flooded() bool { return k.out.flooded.Load() }

// waitExit waits for the end of the process and of its output.
func (k *child) waitExit(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-k.done:
	case <-t.C:
	}
}

// ended says how the process ended, if it has.
func (k *child) ended() (how string, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.state == nil {
		return "", false
	}
	return exitText(k.state), true
}

func (k *child) peakRSS() int64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.peak == 0 && k.state != nil {
		return maxRSS(k.state)
	}
	return k.peak
}

// measure notes the most memory that the process has had so far.
func (k *child) measure() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.gone && k.pid != 0 {
		k.peak = max(k.peak, highWater(k.pid))
	}
}

// Wait is called by go-plugin.
func (k *child) Wait(context.Context) error {
	<-k.done
	return nil
}

// Kill is called by go-plugin, when it does not like the handshake and when
// the process does not end in an orderly way.
func (k *child) Kill(context.Context) error {
	k.expectEnd()
	k.kill()
	return nil
}

// Stdout gives go-plugin the first line.
func (k *child) Stdout() io.ReadCloser { return k.hello }

// Stderr gives go-plugin nothing: output.go reads it.
func (k *child) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name is for go-plugin's log.
func (k *child) Name() string { return k.cmd.Args[0] }

// ID is for go-plugin, which kills nothing that has none.
func (k *child) ID() string {
	if pid := k.id(); pid != 0 {
		return fmt.Sprint(pid)
	}
	return ""
}

func (k *child) id() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pid
}

// Diagnose has nothing to add: fault.go says what there is to say.
func (k *child) Diagnose(context.Context) string { return "" }

// PluginToHost refuses every address but a socket in the directory made for it.
func (k *child) PluginToHost(network, address string) (string, string, error) {
	if runtime.GOOS == "windows" && network == "tcp" && strings.HasPrefix(address, "127.0.0.1:") {
		return network, address, nil
	}
	if network != "unix" || filepath.Dir(address) != filepath.Clean(k.sockets) {
		return "", "", errors.New("its address is not in the directory that it was given")
	}
	return network, address, nil
}

// HostToPlugin is never used: nothing calls back.
func (k *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
