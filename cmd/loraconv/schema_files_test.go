package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// throughout is strictly for every object in a document: with one key more or
// one key less the schema refuses the document, unless the key may be absent,
// or the object, named by the end of its path, takes any. Of long lists the
// first three are tried.
func throughout(t *testing.T, s *jsonschema.Schema, text string, mayLack, open []string) {
	t.Helper()
	meets(t, s, text)
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	tried := map[string]int{}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		free := slices.ContainsFunc(open, func(end string) bool { return strings.HasSuffix(path, end) })
		switch v := v.(type) {
		case []any:
			for _, x := range v[:min(3, len(v))] {
				walk(path+"[]", x)
			}
		case map[string]any:
			if tried[path]++; tried[path] > 9 {
				return
			}
			if v["more"] = 1; s.Validate(doc) == nil && !free {
				t.Errorf("with a key more at %s it is still right", path)
			}
			delete(v, "more")
			for _, k := range slices.Sorted(maps.Keys(v)) {
				x := v[k]
				if delete(v, k); s.Validate(doc) == nil && !free && !slices.Contains(mayLack, k) {
					t.Errorf("without %s/%s it is still right", path, k)
				}
				v[k] = x
				walk(path+"/"+k, x)
			}
		}
	}
	walk("", doc)
	if len(tried) == 0 {
		t.Errorf("nothing was tried of %.200s", text)
	}
}

// What init and plugins print, plan files and the receipts in outputs are what
// the published schemas say.
func TestFilesMeetSchemas(t *testing.T) {
	all := published(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples")); err != nil {
		t.Fatal(err)
	}
	specs, err := filepath.Glob(filepath.Join(dir, "*", "*.hcl"))
	if err != nil || len(specs) < 4 {
		t.Fatalf("%d examples, %v", len(specs), err)
	}
	ask := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := loraconv(t, args...)
		if code != 0 {
			t.Fatalf("%v: exit %d\n%s%s", args, code, stdout, stderr)
		}
		return stdout
	}
	read := func(name string) string {
		t.Helper()
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	m := newMachine(t)
	m.install("0.1.0", m.good)
	m.install("0.2.0", []byte("never pinned"))
	pocket := filepath.Join(dir, "plugin-pocket", "model.hcl")
	for _, want := range []string{`"state":"added"`, `"state":"kept"`} {
		text := read(pocket)
		if err := os.WriteFile(pocket, []byte(strings.Replace(text, `"~> 0.1"`, `"0.1.0"`, 1)), 0o644); err != nil {
			t.Fatal(err)
		}
		out := ask("init", pocket, "-json")
		throughout(t, all["init"], out, []string{"written", "source", "version", "platforms", "path"}, nil)
		if !strings.Contains(out, want) {
			t.Errorf("%s is not %s", out, want)
		}
	}
	out := ask("plugins", "installed", pocket, "-json")
	throughout(t, all["plugins"], out, []string{"sha256", "fault", "lock"}, nil)
	for _, state := range []string{"bundled", "locked", "unlocked"} {
		if !strings.Contains(out, fmt.Sprintf(`"state":%q`, state)) {
			t.Errorf("%s has nothing %s", out, state)
		}
	}
	absent := []string{"attributes", "blocks", "required", "enum", "path", "labels", "max", "rows"}
	for _, name := range []string{"openpi", "maxtext"} {
		throughout(t, all["plugin"], ask("plugins", "schema", name, "-json"), absent, []string{"/outputs"})
	}
	throughout(t, all["plugin"], ask("plugins", "schema", "pocket", "-spec", pocket, "-json"), absent, []string{"/outputs"})

	// One that has all that a plan file may hold.
	full := filepath.Join(dir, "maxtext-llama31-lora", "full.hcl")
	known := filepath.Join(dir, "known")
	ask("run", filepath.Join(dir, "maxtext-llama31-lora", "model.hcl"), "-var", "out="+known)
	if err := os.WriteFile(full, []byte(strings.Replace(read(filepath.Join(dir, "maxtext-llama31-lora", "model.hcl")), `  dtype    = "bfloat16"
`, `  dtype    = "bfloat16"
  allow_nonfinite = ["nothing.*"]
  missing_chunks  = "fill"
  compute {
    memory  = "256MiB"
    workers = 1
  }
  check "drift" {
    max_abs       = 1
    min_retention = 0.5
    match         = ["**.weight"]
    on_breach     = "warn"
  }
  check "reference" {
    path = "../known"
    rtol = 0.5
  }
  check "files" {
    require = ["config.json"]
    forbid  = ["*.bin"]
  }
  expect "all" {
    condition     = result.tensors == result.expected_tensors && result.drift < 1 && var.out != ""
    error_message = "no"
  }
`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	mayLack := []string{"method", "dtype", "step", "layout", "template", "workers", "allow_nonfinite", "fill_missing", "spec_digest", "checks", "expects", "warnings", "sha256", "source", "lock",
		"warn", "max_abs", "rtol", "min_retention", "match", "path", "written", "require", "forbid", "measures", "sensitive", "values", "judged", "measured", "found", "uri", "annotations", "digest", "spec_sha256", "invocationId"}
	mayLackPlan := append(slices.Clone(mayLack), "template")
	seen := ""
	for i, spec := range append(specs, full) {
		file, out := filepath.Join(dir, fmt.Sprint(i, ".plan")), filepath.Join(dir, "out", fmt.Sprint(i))
		ask("plan", spec, "-out", file, "-var", "out="+out)
		text := read(file)
		seen += text
		throughout(t, all["planfile"], text, mayLackPlan, []string{"/values", "/values/var"})
		var f struct{ Conversions []struct{ Plan string } }
		if err := json.Unmarshal([]byte(text), &f); err != nil || len(f.Conversions) != 1 {
			t.Fatal(err)
		}
		for line := range strings.Lines(f.Conversions[0].Plan) {
			meets(t, all["plan"], line)
		}
		ask("run", file)
		for _, name := range []string{"manifest", "provenance"} {
			text := read(filepath.Join(out, "loraconv."+name+".json"))
			seen += text
			// Digests of sources, and their annotations, are open.
			throughout(t, all[name], text, mayLack, []string{"/annotations", "/builder/version", "resolvedDependencies[]/digest"})
		}
	}
	for _, key := range []string{"checks", "expects", "template", "allow_nonfinite", "fill_missing", "workers", "min_retention", "values", "measures", "judged", "measured", "warn", "found", "warnings"} {
		if !strings.Contains(seen, `"`+key+`": `) {
			t.Errorf("no file held %q", key)
		}
	}
}
