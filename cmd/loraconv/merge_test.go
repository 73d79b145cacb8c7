package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// merge writes what a spec by hand would, and what the spec that it prints
// does, to the byte.
func TestMergeIsTheSpecItPrints(t *testing.T) {
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.CopyFS(".", os.DirFS(examples)); err != nil {
		t.Fatal(err)
	}
	// By hand, without the action expert's own alpha, which merge has no flag for.
	hand, err := os.ReadFile("openpi-pi05-lora/robot.hcl")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(hand), "    alpha_pattern = {")
	_, after, ok2 := strings.Cut(rest, "    }\n")
	if !ok || !ok2 {
		t.Fatalf("the example has no alpha_pattern: %s", hand)
	}
	if err := os.WriteFile("openpi-pi05-lora/hand.hcl", []byte(strings.Replace(before+after, "    action_horizon = 10\n", "", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, spec string
		args       []string
	}{
		{"openpi", "openpi-pi05-lora/hand.hcl", []string{"openpi", "openpi-pi05-lora/checkpoint", "OUT", "-alpha", "4", "-dtype", "mixed", "-step=3"}},
		{"maxtext", "maxtext-llama31-lora/model.hcl", []string{"maxtext", "maxtext-llama31-lora/checkpoint/base", "OUT", "-adapter", "maxtext-llama31-lora/checkpoint/lora",
			"-template", "maxtext-llama31-lora/template", "-model", "llama3.1-8b", "-dtype", "bfloat16"}},
	} {
		merge := func(out string, more ...string) string {
			t.Helper()
			args := append([]string{"merge"}, c.args...)
			args[3] = out
			code, stdout, stderr := loraconv(t, append(args, more...)...)
			if code != 0 {
				t.Fatalf("%s: exit %d, %s", c.name, code, stderr)
			}
			return stdout
		}
		direct, printed, byHand := c.name+"/direct", c.name+"/printed", c.name+"/hand"
		merge(direct)
		if err := os.WriteFile(c.name+".hcl", []byte(merge(printed, "-print-spec")), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(printed); err == nil {
			t.Error("-print-spec ran the conversion")
		}
		for _, args := range [][]string{
			{"fmt", "-check", c.name + ".hcl"}, {"run", c.name + ".hcl"}, {"run", c.spec, "-var", "out=" + absolute(t, byHand)}, {"verify", direct},
		} {
			if code, stdout, stderr := loraconv(t, args...); code != 0 {
				t.Fatalf("%v: exit %d, %s%s", args, code, stdout, stderr)
			}
		}
		sameFiles(t, direct, printed)
		sameFiles(t, direct, byHand, "README.md") // a model card has the spec in it
	}
}

// sameFiles compares all files of two outputs but those that say who made them,
// and those that are named.
func sameFiles(t *testing.T, a, b string, but ...string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(a, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasPrefix(d.Name(), "loraconv.") || slices.Contains(but, d.Name()) {
			return err
		}
		rel, err := filepath.Rel(a, p)
		if err != nil {
			return err
		}
		x, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		y, err := os.ReadFile(filepath.Join(b, rel))
		if err != nil || string(x) != string(y) {
			t.Errorf("%s differs from %s: %v", p, b, err)
		}
		n++
		return nil
	})
	if err != nil || n < 2 {
		t.Errorf("%d files, %v", n, err)
	}
}

func TestMergeRefuses(t *testing.T) {
	t.Chdir(t.TempDir())
	// Values of variables beside it are not its.
	if err := os.WriteFile("x.auto.vars.hcl", []byte("nothing = 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"openpi", "a"}, "merge takes PLUGIN CHECKPOINT OUTPUT, found 2 arguments"},
		{[]string{"opnpi", "a", "b"}, `no quick path for plugin "opnpi", only for maxtext, openpi`},
		{[]string{"openpi", "a", "b", "-alpha", "x"}, `-alpha "x": `},
		{[]string{"openpi", "a", "b", "-rslora", "yes"}, `-rslora "yes": wanted true or false`},
		{[]string{"openpi", "a", "b", "-template", "t"}, "-template is for maxtext, not for openpi"},
		{[]string{"maxtext", "a", "b", "-config", "c"}, "-config is for openpi, not for maxtext"},
		{[]string{"openpi", "a", "b", "-dtype", "flaot32"}, `Did you mean "float32"?`},
		{[]string{"openpi", "a", "b", "-memory", "1"}, "at least 128MiB"},
	} {
		code, stdout, stderr := loraconv(t, append([]string{"merge"}, c.args...)...)
		if code != 64 || stdout != "" || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %s%s", c.args, code, stdout, stderr)
		}
	}
	code, _, stderr := loraconv(t, "merge", "openpi", "nowhere", "b", "-alpha", "16")
	if code != 4 || strings.Contains(stderr, "nothing") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	// A path is a text, whatever is in it.
	code, stdout, stderr := loraconv(t, "merge", "openpi", "a\"${b}\n", "b", "-alpha", "1e1", "-print-spec")
	if code != 0 || !strings.Contains(stdout, `path = "a\"$${b}\n"`) || !strings.Contains(stdout, "alpha = 10\n") {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
}
