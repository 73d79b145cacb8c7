package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Checkpoints that OpenPI wrote, with the weights that its own runtime amounts
// to: testdata/openpi/README.md says what each shows.
var shipped = []string{"pi05_lora", "pi0_lora_alpha", "pi0_kv2_rslora", "fast_fused_fsdp"}

func TestConversions(t *testing.T) {
	for _, name := range shipped {
		for _, dtype := range []string{"float32", "bfloat16", "mixed"} {
			t.Run(name+"/"+dtype, func(t *testing.T) {
				convertsRight(t, filepath.Join("testdata", "openpi", name), dtype)
			})
		}
	}
}

// A base weight that is missing though its factors are there, and a chunk that
// cannot be decoded: found before and while weights are read.
func TestRefusedCheckpoints(t *testing.T) {
	for _, name := range []string{"bad_missing_param", "bad_zstd_byte"} {
		t.Run(name, func(t *testing.T) { refusesRight(t, filepath.Join("testdata", "openpi", name)) })
	}
}

// The same bytes, whatever computes them and with how much.
func TestDeterminism(t *testing.T) {
	dir := absolute(t, filepath.Join("testdata", "openpi", "pi05_lora"))
	c := readCase(t, dir)
	sameBytes(t, "openpi", func(out string) string { return c.spec(c.source(dir), "mixed", out) })
}

// sameBytes runs a spec in many ways: every file of the output, but for the
// provenance, which says when it was made, must be the same.
func sameBytes(t *testing.T, plugin string, spec func(out string) string) {
	t.Helper()
	bin := buildPlugin(t, plugin)
	var first map[string][]byte
	for _, run := range []struct {
		name  string
		flags []string
		plan  bool
		env   string
	}{
		{name: "default"},
		{name: "1 worker", flags: []string{"-workers", "1"}},
		{name: "2 workers", flags: []string{"-workers", "2"}},
		{name: "7 workers", flags: []string{"-workers", "7"}},
		{name: "128MiB", flags: []string{"-memory", "128MiB"}},
		{name: "1GiB, 7 workers", flags: []string{"-memory", "1GiB", "-workers=7"}},
		{name: "plan file", plan: true},
		{name: "external plugin", env: bin},
		{name: "external plugin, plan file", env: bin, plan: true},
	} {
		t.Run(run.name, func(t *testing.T) {
			t.Setenv("LORACONV_PLUGIN_"+strings.ToUpper(plugin), run.env)
			out := filepath.Join(t.TempDir(), "out")
			what := writeSpec(t, spec(out))
			if run.plan {
				file := filepath.Join(t.TempDir(), "conversion.plan")
				if code, _, stderr := loraconv(t, "plan", what, "-out", file); code != 0 {
					t.Fatalf("exit %d\n%s", code, stderr)
				}
				what = file
			}
			code, _, stderr := loraconv(t, append([]string{"run", what}, run.flags...)...)
			if code != 0 {
				t.Fatalf("exit %d\n%s", code, stderr)
			}
			if run.env != "" && !run.plan && !bytes.Contains([]byte(stderr), []byte("plugin-override")) {
				t.Errorf("nothing was said about the plugin from the environment:\n%s", stderr)
			}
			all := map[string][]byte{}
			entries, err := os.ReadDir(out)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if e.Name() == "loraconv.provenance.json" || e.IsDir() {
					continue
				}
				if all[e.Name()], err = os.ReadFile(filepath.Join(out, e.Name())); err != nil {
					t.Fatal(err)
				}
			}
			if len(all) < 3 {
				t.Errorf("%d files", len(all))
			}
			if first == nil {
				first = all
			}
			if !maps.EqualFunc(first, all, bytes.Equal) {
				t.Error("other bytes than the first run's")
			}
		})
	}
}

func buildPlugin(t *testing.T, name string) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "loraconv-plugin-"+name)
	cmd := exec.Command("go", "build", "-o", bin, "github.com/loraconv/loraconv/cmd/loraconv-plugin-"+name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// A second run finds its own output; a changed output or another plan is
// never overwritten unasked.
func TestOutputExists(t *testing.T) {
	dir := absolute(t, filepath.Join("testdata", "openpi", "pi05_lora"))
	c := readCase(t, dir)
	out := filepath.Join(t.TempDir(), "out")
	spec := writeSpec(t, c.spec(c.source(dir), "mixed", out))
	run := func(want int, args ...string) {
		t.Helper()
		if code, stdout, stderr := loraconv(t, append([]string{"run"}, args...)...); code != want {
			t.Fatalf("exit %d, wanted %d\n%s%s", code, want, stdout, stderr)
		}
	}
	published := func() (bytes int64) {
		t.Helper()
		code, stdout, stderr := loraconv(t, "run", spec, "-json")
		line := stdout[strings.Index(stdout, `{"type":"published"`):]
		var e struct{ Bytes int64 }
		if err := json.NewDecoder(strings.NewReader(line)).Decode(&e); err != nil || code != 0 {
			t.Fatalf("exit %d, %v\n%s%s", code, err, stdout, stderr)
		}
		return e.Bytes
	}
	first := published()
	if again := published(); again != first {
		t.Errorf("%d bytes are there already, %d were published", again, first)
	}
	other := writeSpec(t, c.spec(c.source(dir), "float32", out))
	run(9, other)
	weights := filepath.Join(out, "model.safetensors")
	b, err := os.ReadFile(weights)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 1
	if err := os.WriteFile(weights, b, 0o644); err != nil {
		t.Fatal(err)
	}
	run(9, spec)
	run(0, "-force", spec)
	run(0, "-force", other)
	run(0, other)
}
