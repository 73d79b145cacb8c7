//go:build linux

package host

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/sdk"
)

// alive reports whether a process runs or could.
func alive(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return rest[0] != 'Z' && rest[0] != 'X'
}

func goneWithin(pid int, d time.Duration) bool {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if !alive(pid) {
			return true
		}
	}
	return false
}

// ownTemp gives the test and its hosts a place for run directories that no other
// host sweeps; t.TempDir has too long a name for sockets.
func ownTemp(t *testing.T) string {
	t.Helper()
	tmp, err := os.MkdirTemp("/tmp", "t")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	t.Setenv("TMPDIR", tmp)
	return tmp
}

// TestChildDiesWithItsHost kills a real host, in a process of its own, in the
// way that leaves it no last word.
func TestChildDiesWithItsHost(t *testing.T) {
	for _, mode := range []string{"good", "deaf"} {
		t.Run(mode, func(t *testing.T) {
			ownTemp(t)
			pid, dir := hostOf(t, mode, syscall.SIGKILL)
			if !goneWithin(pid, 2*time.Second) {
				syscall.Kill(-pid, syscall.SIGKILL)
				t.Fatal("the child outlives its host")
			}
			if _, err := os.Stat(dir); err != nil {
				t.Fatalf("nobody can have removed %s: %v", dir, err)
			}
			p := start(t, command(t, "good"))
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("the next start leaves %s behind: %v", dir, err)
			}
			if _, err := os.Stat(p.dir.path); err != nil {
				t.Errorf("the next start swept its own directory: %v", err)
			}
		})
	}
}

// hostOf runs a host in a process of its own, ends it, and returns its child.
func hostOf(t *testing.T, mode string, end syscall.Signal) (pid int, dir string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := exec.Command(exe)
	host.Env = []string{modeEnv + "=host", "TEST_CHILD=" + mode, "TMPDIR=" + os.TempDir()}
	host.Stderr = os.Stderr
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(line, &pid, &dir); err != nil || !alive(pid) {
		t.Fatalf("the host says %q: %v", line, err)
	}
	if err := host.Process.Signal(end); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait()
	return pid, dir
}

// TestLifeline takes the parent-death signal away and leaves the pipe.
func TestLifeline(t *testing.T) {
	p := start(t, command(t, "deathless"))
	if err := describe(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	p.child.lifeline.Close()
	if !goneWithin(p.PID(), 2*time.Second) {
		t.Fatal("the child does not notice that the other end of its lifeline is gone")
	}
}

func TestTwoHostsKeepTheirDirectories(t *testing.T) {
	a := start(t, command(t, "good"))
	b := start(t, command(t, "good"))
	for _, p := range []*Process{a, b} {
		if err := describe(context.Background(), p); err != nil {
			t.Error(err)
		}
		i, err := os.Stat(p.dir.path)
		if err != nil || i.Mode().Perm() != 0o700 {
			t.Errorf("%v, %v", i, err)
		}
	}
}

func TestTempDirOfSomebodyElse(t *testing.T) {
	tmp := ownTemp(t)
	open := filepath.Join(tmp, fmt.Sprintf("loraconv-%d", os.Getuid()))
	if err := os.Mkdir(open, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	p := start(t, command(t, "good"))
	if strings.HasPrefix(p.dir.path, open) || !strings.HasPrefix(p.dir.path, tmp) {
		t.Errorf("the socket is in %s, where others may write", p.dir.path)
	}
}

// TestBytesAreExecutedAsChecked changes the file after the check: what runs is
// what was checked.
func TestBytesAreExecutedAsChecked(t *testing.T) {
	c := command(t, "good")
	b, err := os.ReadFile(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b)
	c.SHA256 = hex.EncodeToString(sum[:])
	p := start(t, c)
	if err := describe(context.Background(), p); err != nil {
		t.Fatal(err)
	}
	if exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", p.PID())); !strings.HasPrefix(exe, "/memfd:") {
		t.Errorf("it runs %s", exe)
	}
	f, err := os.OpenFile(fmt.Sprintf("/proc/%d/exe", p.PID()), os.O_WRONLY, 0)
	if err == nil {
		f.Close()
		t.Error("the running bytes can be opened for writing")
	}
}

// Where there is no sealed memory, and for a script, a private copy is checked
// and executed: what is done to the file afterwards changes nothing.
func TestCopyIsExecutedAsChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plugin.sh")
	text := []byte("#!/bin/sh\necho \"this is $0\"\n")
	if err := os.WriteFile(file, text, 0o700); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(text)
	c := Command{Name: "p", Path: file, SHA256: hex.EncodeToString(sum[:]), Timeouts: patient}
	_, err := Start(context.Background(), c)
	var d *diag.Diagnostic
	if !errors.As(err, &d) || !strings.Contains(d.Detail, `its first line on stdout is "this is /`) || !strings.Contains(d.Detail, `/plugin.sh"`) {
		t.Errorf("got %v", err)
	}
	c.SHA256 = strings.Repeat("0", 64)
	if _, err = Start(context.Background(), c); !errors.As(err, &d) || d.Code != CodeChanged {
		t.Errorf("got %v", err)
	}

	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, err := openExecutable(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	copied, _, err := asFile(f, hex.EncodeToString(h.Sum(nil)), dir)
	if err != nil {
		t.Fatal(err)
	}
	if st, err := os.Stat(copied); err != nil || st.Mode().Perm() != 0o500 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	cmd := exec.Command(copied)
	cmd.Env = []string{modeEnv + "=exit"}
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "no license") {
		t.Errorf("the copy does not run: %v %s", err, out)
	}
}

func TestByHand(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = []string{modeEnv + "=good"}
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 64 || !strings.Contains(string(out), "is a plugin of loraconv and is not started by hand") || strings.Count(string(out), "\n") != 1 {
		t.Errorf("got %v: %s", err, out)
	}
}

// TestGrandchildDies checks the group, by name: leftovers looks at it, too.
func TestGrandchildDies(t *testing.T) {
	d := misbehave(t, "grandchild", patient, planning)
	var pid int
	_, text, _ := strings.Cut(d.Detail, "grandchild=")
	if _, err := fmt.Sscan(text, &pid); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		syscall.Kill(pid, syscall.SIGKILL)
		t.Error("it is still there")
	}
}

// TestCloseWhileStopped is the case in which go-plugin's own Kill never ends.
func TestCloseWhileStopped(t *testing.T) {
	p := start(t, command(t, "good"))
	if err := syscall.Kill(p.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	awaitStopped(t, p.PID())
	began := time.Now()
	p.Close()
	if d := time.Since(began); d < patient.Kill || d > patient.Kill+2*time.Second {
		t.Errorf("Close took %v, wanted %v and little more", d, patient.Kill)
	}
	if _, err := p.Describe(context.Background(), sdk.DescribeRequest{}); err == nil {
		t.Error("a closed process answers")
	}
}

// awaitStopped waits until a stop has reached the whole process: kill returns
// before it does.
func awaitStopped(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if rest := b[bytes.LastIndexByte(b, ')')+1:]; strings.HasPrefix(string(rest), " T") {
			return
		}
	}
	t.Fatalf("process %d does not stop", pid)
}

// TestEscapedGrandchild has a process outside the group that holds the pipes:
// it is out of reach, but nobody waits for it.
func TestEscapedGrandchild(t *testing.T) {
	began := time.Now()
	d := misbehave(t, "escaped", patient, planning)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	var pid int
	_, text, _ := strings.Cut(d.Detail, "grandchild=")
	if _, err := fmt.Sscan(text, &pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
}

func TestCloseDuringCalls(t *testing.T) {
	p := start(t, command(t, "hang"))
	const n = 3
	errs := make(chan error, n)
	for range n {
		go func() { errs <- planning(context.Background(), p) }()
	}
	time.Sleep(300 * time.Millisecond)
	p.Close()
	for range n {
		var d *diag.Diagnostic
		if err := <-errs; !errors.As(err, &d) || d.Code != CodeClosed {
			t.Errorf("got %v", err)
		}
	}
}

// TestCallsFallTogether has several calls under way when the process crashes:
// all tell the same.
func TestCallsFallTogether(t *testing.T) {
	p := start(t, command(t, "late-exit"))
	const n = 4
	errs := make(chan error, n)
	for range n {
		go func() { errs <- planning(context.Background(), p) }()
	}
	for range n {
		var d *diag.Diagnostic
		if err := <-errs; !errors.As(err, &d) || d.Code != CodeExit || !strings.Contains(d.Detail, "exited with status 7") {
			t.Errorf("got %v", err)
		}
	}
}
