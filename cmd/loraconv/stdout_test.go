package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// full takes text up to a line that begins with a word, and then no more.
type full struct {
	word string
	ends bool
}

func (f *full) Write(p []byte) (int, error) {
	if f.ends = f.ends || bytes.HasPrefix(p, []byte(f.word)); f.ends {
		return 0, errors.New("no space left on device")
	}
	return len(p), nil
}

// No command ends well whose answer could not be written. What was published
// stays, and is a warning; a conversion whose events cannot be written
// publishes nothing, and leaves nothing behind.
func TestFullStdout(t *testing.T) {
	examples := absolute(t, "../../examples/openpi-pi05-lora")
	t.Chdir(t.TempDir())
	if err := os.CopyFS(".", os.DirFS(examples)); err != nil {
		t.Fatal(err)
	}
	const lost = "Error: Standard output could not be written (stdout-failed)"
	run := func(word string, args ...string) (int, string) {
		var stderr bytes.Buffer
		code := doMain(args, strings.NewReader(""), &full{word: word}, &stderr)
		return code, stderr.String()
	}
	for _, args := range []string{
		"version", "version -json", "-h", "run -h", "schema", "schema events", "completion bash", "explain lora-idle", "inspect checkpoint", "inspect checkpoint -json",
		"plan robot.hcl", "plan robot.hcl -json", "validate robot.hcl", "validate robot.hcl -json", "validate robot.hcl -format sarif", "diff checkpoint checkpoint",
		"explain robot.hcl -tensor paligemma_with_expert.paligemma.lm_head.weight", "plugins installed", "plugins installed -json", "plugins rules openpi", "plugins schema openpi",
		"merge openpi a b -alpha 1 -print-spec", "init -check robot.hcl",
	} {
		if code, stderr := run("", strings.Fields(args)...); code != 1 || !strings.Contains(stderr, lost) {
			t.Errorf("%s: exit %d\n%s", args, code, stderr)
		}
	}
	left := func() []string {
		names, err := filepath.Glob("out/*")
		hidden, err2 := filepath.Glob("out/.*")
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		return append(names, hidden...)
	}
	event := func(typ string) string { return `{"type":"` + typ + `"` }
	for _, word := range []string{"", event("phase"), event("progress"), event("phase") + `,"conversion":"robot","phase":"stream"`, event("phase") + `,"conversion":"robot","phase":"publish"`} {
		if code, stderr := run(word, "run", "robot.hcl", "-json"); code != 1 || !strings.Contains(stderr, lost) || len(left()) > 0 {
			t.Errorf("up to %s: exit %d, left %v\n%s", word, code, left(), stderr)
		}
	}
	for _, args := range []string{"run robot.hcl", "run robot.hcl", "run robot.hcl -json -force"} {
		word := ""
		if strings.Contains(args, "json") {
			word = event("published")
		}
		if code, stderr := run(word, strings.Fields(args)...); code != 0 || !strings.Contains(stderr, "Warning: Published, but standard output could not be written (stdout-failed)") || len(left()) != 1 {
			t.Errorf("%s: exit %d, left %v\n%s", args, code, left(), stderr)
		}
	}
	if code, _, stderr := loraconv(t, "verify", "out/robot"); code != 0 {
		t.Error(stderr)
	}
	// What failed for another reason says that reason.
	if code, stderr := run("", "run", "robot.hcl", "-var", "checkpoint=nowhere"); code != 4 || strings.Contains(stderr, "stdout-failed") {
		t.Errorf("exit %d\n%s", code, stderr)
	}
}

// A reader that ends, as head does, ends a conversion in good order.
func TestClosedPipe(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(absolute(t, "../../examples/openpi-pi05-lora"))); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args string
		code int
		left []string
	}{
		{"run robot.hcl -json", 1, nil},
		{"run robot.hcl", 0, []string{"robot"}}, // its one line comes when all is done
	} {
		cmd := exec.Command(os.Args[0], strings.Fields(tt.args)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "LORACONV_TEST_MAIN=1", "LORACONV_TEST_SLOW=stream=20")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = w
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if w.Close(); strings.Contains(tt.args, "-json") {
			if line, err := bufio.NewReader(io.LimitReader(r, 64)).ReadString('\n'); err != nil && err != io.EOF {
				t.Fatal(line, err)
			}
		}
		r.Close()
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != tt.code || strings.Contains(stderr.String(), "goroutine") {
			t.Errorf("%s: %v, wanted exit %d\n%s", tt.args, cmd.ProcessState, tt.code, stderr.String())
		}
		entries, err := os.ReadDir(filepath.Join(dir, "out"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		if strings.Join(names, " ") != strings.Join(tt.left, " ") {
			t.Errorf("%s left %q, wanted %q", tt.args, names, tt.left)
		}
	}
}
