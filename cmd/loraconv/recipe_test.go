package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// workflow is what is read of a workflow of GitHub Actions.
type workflow struct {
	Defaults struct{ Run struct{ Shell string } }
	Env      map[string]string
	Jobs     map[string]struct {
		Steps []struct {
			Name, If, Uses, Run string
			With                map[string]string
		}
	}
}

// The recipe for a repository of specs runs as it is written: every command, in
// the shell that GitHub Actions would take, on the examples. With a fault in a
// spec the right steps fail and tell of it.
func TestRecipe(t *testing.T) {
	b, err := os.ReadFile("../../examples/ci/specs.yml")
	if err != nil {
		t.Fatal(err)
	}
	var w workflow
	if err := yaml.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	if w.Defaults.Run.Shell != "bash" {
		t.Error("without shell: bash, GitHub runs commands without pipefail")
	}
	sarif := compileSchema(t, "testdata/schemas/sarif-2.1.0.json")
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples")); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t) // one of the examples is a plugin: the repository has its lock file, the runner its executable
	m.install("0.1.0", m.good)
	m.ok("init", filepath.Join(dir, "plugin-pocket", "model.hcl"))
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(self, filepath.Join(bin, "loraconv")); err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "LORACONV_TEST_MAIN=1", "PATH="+bin+":"+os.Getenv("PATH"))
	for k, v := range w.Env {
		env = append(env, k+"="+v)
	}
	// all runs the steps, and returns what each printed and how it ended.
	all := func() (out map[string]string, codes map[string]int) {
		out, codes = map[string]string{}, map[string]int{}
		for _, s := range w.Jobs["specs"].Steps {
			if s.Run == "" || strings.HasPrefix(s.Run, "go install ") {
				continue // this very build is what would be installed
			}
			c := exec.Command("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run)
			c.Dir, c.Env = dir, env
			text, err := c.CombinedOutput()
			if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			out[s.Name], codes[s.Name] = string(text), c.ProcessState.ExitCode()
		}
		return out, codes
	}
	log := func() string {
		b, err := os.ReadFile(filepath.Join(dir, "loraconv.sarif"))
		if err != nil {
			t.Fatal(err)
		}
		meets(t, sarif, string(b))
		return string(b)
	}

	out, codes := all()
	if len(codes) != 4 {
		t.Fatalf("steps %v", codes)
	}
	for name, code := range codes {
		if code != 0 {
			t.Errorf("%s: exit %d\n%s", name, code, out[name])
		}
	}
	if found := fromSARIF(t, log()); len(found) > 0 || strings.Count(out["plan"], "every source element is accounted for") != 2 {
		t.Errorf("%v\n%s", found, out["plan"])
	}
	uploads := ""
	for _, s := range w.Jobs["specs"].Steps {
		if strings.HasPrefix(s.Uses, "github/codeql-action/upload-sarif@") && strings.Contains(s.If, "failure()") {
			uploads = s.With["sarif_file"]
		}
	}
	if uploads != "loraconv.sarif" {
		t.Errorf("the upload is of %q, or not after a failure", uploads)
	}

	spec := filepath.Join(dir, "openpi-pi05-lora", "robot.hcl")
	text, err := os.ReadFile(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(spec, bytes.Replace(text, []byte("    alpha = 4"), []byte("    alhpa = 4"), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	out, codes = all()
	if codes["layout"] != 0 || codes["validate"] != 64 || codes["plan"] != 64 {
		t.Errorf("%v\n%v", codes, out)
	}
	if f := fromSARIF(t, log()); len(f) != 1 || f[0].File != "openpi-pi05-lora/robot.hcl" || f[0].Line != 18 || f[0].Code != "unsupported-argument" {
		t.Errorf("%+v", f)
	}
	if want := "::error file=openpi-pi05-lora/robot.hcl,line=18,"; !strings.HasPrefix(out["annotate the lines that are at fault"], want) {
		t.Errorf("%v, wanted %s…", out, want)
	}
	if err := os.WriteFile(spec, append(text, "\n\n  locals{ }\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, codes = all(); codes["layout"] != 10 || codes["validate"] != 0 || !strings.Contains(out["layout"], "+locals {}") {
		t.Errorf("%v\n%s", codes, out["layout"])
	}
}
