package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A plan file runs on the sources that were planned, and on no others.
func TestPlanFileOfAnotherSource(t *testing.T) {
	dir := absolute(t, filepath.Join("testdata", "openpi", "pi05_lora"))
	c := readCase(t, dir)
	work := t.TempDir()
	source := filepath.Join(work, "step")
	if err := os.CopyFS(source, os.DirFS(c.source(dir))); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(work, "out")
	file := filepath.Join(work, "robot.plan")
	if code, _, stderr := loraconv(t, "plan", writeSpec(t, c.spec(source, "mixed", out)), "-out", file); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	data, err := filepath.Glob(filepath.Join(source, "params", "ocdbt.process_0", "d", "*"))
	if err != nil || len(data) == 0 {
		t.Fatal(data, err)
	}
	f, err := os.OpenFile(data[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte{0}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	code, _, stderr := loraconv(t, "run", file)
	if code != 5 || !strings.Contains(stderr, "plan again") {
		t.Errorf("exit %d, wanted 5 and the next step\n%s", code, stderr)
	}

	// A plan whose text was changed after its digest was taken.
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(work, "bad.plan")
	if err := os.WriteFile(bad, []byte(strings.Replace(string(b), `\"scale\":1}`, `\"scale\":2}`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := loraconv(t, "run", bad); code != 64 || !strings.Contains(stderr, "contradicts itself") {
		t.Errorf("exit %d, wanted 64\n%s", code, stderr)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("an output was written")
	}
}

// Of a plan file, -only and -except choose as they do of a spec; values of
// variables stand in it already.
func TestPlanFilePicks(t *testing.T) {
	examples := absolute(t, "../../examples/openpi-pi05-lora")
	t.Chdir(t.TempDir())
	spec := `source "openpi" "ft" {
  path = "` + filepath.Join(examples, "checkpoint") + `"
  lora { alpha = 4 }
}
`
	for _, name := range []string{"one", "two"} {
		spec += `conversion "` + name + `" {
  source = source.openpi.ft
  output "pytorch" { path = "` + name + `" }
}
`
	}
	if err := os.WriteFile("s.hcl", []byte(spec), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := loraconv(t, "plan", "s.hcl", "-out", "s.plan"); code != 0 {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-var", "a=b"}, 64, "the values stand in a plan file already"},
		{[]string{"-var-file", "x.hcl"}, 64, "the values stand in a plan file already"},
		{[]string{"-only", "three"}, 64, `-only "three"; the conversions are "one", "two"`},
		{[]string{"-only", "o*", "-except", "one"}, 64, "that -only o* and -except one would leave"},
		{[]string{"-except", "one"}, 0, "two: publish"},
	} {
		code, _, stderr := loraconv(t, append([]string{"run", "s.plan"}, tt.args...)...)
		if code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("%v: exit %d, wanted %d and %q\n%s", tt.args, code, tt.code, tt.want, stderr)
		}
	}
	if _, err := os.Stat("one"); err == nil {
		t.Error("a conversion ran that was left out")
	}
	if _, err := os.Stat("two"); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile("none.plan", []byte(`{"loraconv_plan_file":1,"conversions":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := loraconv(t, "run", "none.plan"); code != 64 || !strings.Contains(stderr, "none.plan holds no conversion") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// A plan file is planned already, and what was a file is one still.
func TestPlanOfAPlanFile(t *testing.T) {
	dir := absolute(t, filepath.Join("testdata", "openpi", "pi05_lora"))
	c := readCase(t, dir)
	work := t.TempDir()
	spec, file := writeSpec(t, c.spec(c.source(dir), "mixed", filepath.Join(work, "out"))), filepath.Join(work, "robot.plan")
	if code, _, stderr := loraconv(t, "plan", spec, "-out", file); code != 0 {
		t.Fatalf("exit %d\n%s", code, stderr)
	}
	if code, _, stderr := loraconv(t, "plan", file); code != 64 || !strings.Contains(stderr, "loraconv run "+file) {
		t.Errorf("exit %d, wanted 64 and the next step\n%s", code, stderr)
	}
	if code, _, stderr := loraconv(t, "plan", spec, "-out", work); code != 7 || !strings.Contains(stderr, "is not a regular file") {
		t.Errorf("a directory: exit %d\n%s", code, stderr)
	}
}
