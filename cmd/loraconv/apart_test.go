package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An output that would change or remove what is read is refused, with -force
// as well, before anything is touched; so is replacing what loraconv did not
// make.
func TestOutputsTakeNothingAway(t *testing.T) {
	examples := absolute(t, "../../examples")
	t.Chdir(t.TempDir())
	if err := os.CopyFS(".", os.DirFS(examples)); err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("mine/thesis.txt", "years of work")
	write("file", "text")
	for _, dir := range []string{"empty", "empty2"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("openpi-pi05-lora/checkpoint", "link"); err != nil {
		t.Fatal(err)
	}
	const robot, model = "openpi-pi05-lora/robot.hcl", "maxtext-llama31-lora/model.hcl"
	const overlaps, foreign = "(output-overlaps)", "(output-foreign)"
	for _, tt := range []struct {
		spec, out string // from the spec's directory
		code      int
		want      string
	}{
		{robot, "checkpoint", 64, overlaps},
		{robot, "checkpoint/3", 64, overlaps},
		{robot, "checkpoint/3/params/new", 64, overlaps},
		{robot, "../link", 64, overlaps},
		{robot, "../link/3/new", 64, overlaps},
		{robot, ".", 64, overlaps},
		{robot, "../../" + filepath.Base(absolute(t, ".")), 64, overlaps},
		{model, "checkpoint/lora", 64, overlaps},
		{model, "template", 64, overlaps},
		{model, "template/out", 64, overlaps},
		{robot, "../mine", 9, foreign},
		{robot, "../file", 9, foreign},
		{robot, "../empty", 0, ""},
		{robot, "checkpoint/pytorch", 0, ""}, // beside the steps of a run
		{robot, "checkpoint/pytorch", 0, ""},
	} {
		code, _, stderr := loraconv(t, "run", tt.spec, "-force", "-var", "out="+tt.out)
		if code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s, out=%s: exit %d, wanted %d and %s\n%s", tt.spec, tt.out, code, tt.code, tt.want, stderr)
		}
		if tt.want != overlaps {
			continue
		}
		if code, stdout, _ := loraconv(t, "plan", tt.spec, "-var", "out="+tt.out); code != 64 || stdout != "" {
			t.Errorf("%s, out=%s: plan ends with %d", tt.spec, tt.out, code)
		}
	}
	// Without -force the message does not speak of it where it would not help.
	for out, want := range map[string]string{"../mine": foreign, "../empty2": "or replace it with -force"} {
		if code, _, stderr := loraconv(t, "run", robot, "-var", "out="+out); code != 9 || !strings.Contains(stderr, want) {
			t.Errorf("out=%s: exit %d, wanted 9 and %s\n%s", out, code, want, stderr)
		}
	}
	for _, name := range []string{"mine/thesis.txt", "file", "openpi-pi05-lora/checkpoint/3/params/_METADATA", robot, "maxtext-llama31-lora/template/config.json", "maxtext-llama31-lora/checkpoint/lora/10/items/_METADATA"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
}
