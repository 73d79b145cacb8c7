package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// firstSession is what somebody might type who has the example before them: the
// shipped checkpoint and spec, and then a spec with a fault.
var firstSession = []string{
	"inspect checkpoint",
	"plan robot.hcl",
	"run robot.hcl",
	"verify out/robot",
	"run robot.hcl",
	"run misspelt.hcl",
	"explain unsupported-argument",
}

// The first session looks, in a terminal of 80 columns, like the transcript in
// testdata; renew that with -update.
func TestFirstSession(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples/openpi-pi05-lora")); err != nil {
		t.Fatal(err)
	}
	spec, err := os.ReadFile(filepath.Join(dir, "robot.hcl"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "misspelt.hcl"), bytes.Replace(spec, []byte("alpha ="), []byte("alhpa ="), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, line := range firstSession {
		text, code := inTerminal(t, dir, 80, strings.Fields(line)...)
		fmt.Fprintf(&b, "$ loraconv %s\n%s", line, text)
		if code != 0 {
			fmt.Fprintf(&b, "$ echo $?\n%d\n", code)
		}
	}
	got := regexp.MustCompile(`, in [0-9.]+m?s\b`).ReplaceAllString(b.String(), ", in 40ms")
	for line := range strings.Lines(got) {
		line = strings.TrimRight(line, "\n")
		if n := len([]rune(line)); n > 80 && len(strings.Fields(line)) > 2 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
	golden := "testdata/session.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

// wipe takes a terminal's line away.
const wipe = "\r\x1b[K"

// inTerminal runs loraconv with a terminal of its own for input and output, and
// returns what stands on it at the end.
func inTerminal(t *testing.T, dir string, columns int, args ...string) (text string, code int) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)})
	}
	if err != nil {
		t.Fatal(err)
	}
	terminal, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "LORACONV_TEST_MAIN=1", "NO_COLOR=1", "TERM=xterm", "GOMAXPROCS=2")
	c.Stdin, c.Stdout, c.Stderr = terminal, terminal, terminal
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	terminal.Close()
	out, err := io.ReadAll(master)
	if err != nil && !errors.Is(err, syscall.EIO) { // EIO: nobody has the terminal open any more
		t.Fatal(err)
	}
	err = c.Wait()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(strings.ReplaceAll(string(out), "\r\n", "\n"), "\n"), "\n") {
		if at := strings.LastIndex(line, wipe); at >= 0 {
			line = line[at+len(wipe):] // a live line is drawn over
		}
		text += line + "\n"
	}
	return text, c.ProcessState.ExitCode()
}

// The README shows that session, with parts left out.
func TestReadmeShowsTheSession(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	rest, err := os.ReadFile("testdata/session.txt")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, ok := strings.Cut(string(readme), "```console\n$ loraconv inspect checkpoint\n")
	shown, _, ok2 := strings.Cut(shown, "```\n")
	if !ok || !ok2 {
		t.Fatal("no session in the README")
	}
	for part := range strings.SplitSeq("$ loraconv inspect checkpoint\n"+shown, "…\n") {
		at := bytes.Index(rest, []byte(part))
		if at < 0 {
			t.Fatalf("the transcript does not hold, or not in this order:\n%s", part)
		}
		rest = rest[at+len(part):]
	}
	if bytes.Contains(rest, []byte("$ loraconv run")) {
		t.Error("the README leaves runs out")
	}
}
