package spec_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/spec"
)

// value evaluates an expression as the argument "model" of a source.
func value(t *testing.T, dir, e string) (any, string) {
	t.Helper()
	path := filepath.Join(dir, "s.hcl")
	put(t, path, "source \"openpi\" \"ft\" {\n  path = \"x\"\n  model = "+e+"\n}\nconversion \"c\" {\n  source = source.openpi.ft\n  output \"pytorch\" { path = \"o\" }\n}\n")
	f, list := spec.Load(path, spec.Options{})
	if list.HasErrors() {
		return nil, list.Error()
	}
	d, list := f.DecodeSource(f.Sources[0], sourceSchema)
	if list.HasErrors() {
		return nil, list.Error()
	}
	return d.Args["model"], ""
}

func TestFunctions(t *testing.T) {
	dir := write(t, map[string]string{"a/b/c.txt": "1", "a/d.txt": "2", "a/e.bin": "3"})
	for e, want := range map[string]string{ // expression → JSON
		`abs(-3)`:                                 `3`,
		`alltrue([true, true])`:                   `true`,
		`alltrue([])`:                             `true`,
		`anytrue([])`:                             `false`,
		`anytrue([for x in [1, 2] : x > 1])`:      `true`,
		`can(local.nothing.x)`:                    ``, // unknown names are errors even within can
		`can(tonumber("x"))`:                      `false`,
		`try(tonumber("x"), 7)`:                   `7`,
		`ceil(1.2) + floor(1.8)`:                  `3`,
		`chunklist([1, 2, 3], 2)`:                 `[[1,2],[3]]`,
		`coalesce(null, "a")`:                     `"a"`,
		`concat([1], ["a"])`:                      `[1,"a"]`,
		`contains(["a"], "a")`:                    `true`,
		`distinct(["a", "a"])`:                    `["a"]`,
		`endswith("abc", "bc")`:                   `true`,
		`startswith("abc", "bc")`:                 `false`,
		`flatten([[1], [[2]]])`:                   `[1,2]`,
		`format("%s-%03d", "a", 7)`:               `"a-007"`,
		`formatlist("%s!", ["a", "b"])`:           `["a!","b!"]`,
		`indent(2, "a\nb")`:                       `"a\n  b"`,
		`join(", ", ["a", "b"])`:                  `"a, b"`,
		`jsondecode("{\"a\": [1, null]}")`:        `{"a":[1,null]}`,
		`jsonencode({ a = 1 })`:                   `"{\"a\":1}"`,
		`keys({ b = 1, a = 2 })`:                  `["a","b"]`,
		`length("äb") + length([1]) + length({})`: `3`,
		`lookup({ a = 1 }, "b", 5)`:               `5`,
		`merge({ a = 1 }, { a = 2, b = 3 })`:      `{"a":2,"b":3}`,
		`max(1, 2.5)`:                             `2.5`,
		`parseint("ff", 16)`:                      `255`,
		`pow(2, 10)`:                              `1024`,
		`range(3)`:                                `[0,1,2]`,
		`regex("a(.)", "xab")`:                    `["b"]`,
		`regexall("[0-9]+", "a1b22")`:             `["1","22"]`,
		`regex_replace("a1b2", "[0-9]", "<$0>")`:  `"a\u003c1\u003eb\u003c2\u003e"`,
		`replace("a.b.c", ".", "/")`:              `"a/b/c"`,
		`reverse([1, 2])`:                         `[2,1]`,
		`setproduct(["a"], ["b", "c"])`:           `[["a","b"],["a","c"]]`,
		`sha256("abc")`:                           `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`,
		`sort(["b", "a"])`:                        `["a","b"]`,
		`split("/", "a/b")`:                       `["a","b"]`,
		`substr("hello", 1, 3)`:                   `"ell"`,
		`sum([1, 2.5])`:                           `3.5`,
		`tolist(toset(["b", "a", "b"]))`:          `["a","b"]`,
		`tonumber("1.5") + 1`:                     `2.5`,
		`tostring(12)`:                            `"12"`,
		`trimprefix("abc", "a")`:                  `"bc"`,
		`upper("a")`:                              `"A"`,
		`zipmap(["a"], [1])`:                      `{"a":1}`,
		`fileexists("a/d.txt")`:                   `true`,
		`fileexists("a")`:                         `false`,
		`fileexists("a/none")`:                    `false`,
		`fileset("a", "**/*.txt")`:                `["b/c.txt","d.txt"]`,
		`fileset(".", "a/*")`:                     `["a/d.txt","a/e.bin"]`,
		`fileset("none", "*")`:                    ``,
		`fileset("/", "*")`:                       ``,
		`fileexists("gs://x")`:                    ``,
		`length("` + strings.Repeat("%{ if true }x%{ endif }", 100) + `")`: `100`,
		`1e3`:                                   `1000`,
		`0.1`:                                   `0.1`,
		`1 == 1 ? "a" : "b"`:                    `"a"`,
		`{ for k, v in { a = 1 } : v => k... }`: `{"1":["a"]}`,
		`[for m in [{ n = 1 }, { n = 2 }] : m.n]`: `[1,2]`,
		`[{ n = 1 }, { n = 2 }][*].n`:             `[1,2]`,
		`"%{ for x in [1, 2] }<${x}>%{ endfor }"`: `"\u003c1\u003e\u003c2\u003e"`,
		"<<-E\n    a\n      b\n  E":               `"a\n  b\n"`,
	} {
		v, fault := value(t, dir, e)
		got := ""
		if fault == "" {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			got = string(b)
		}
		if got != want {
			t.Errorf("%s: got %s (%s), want %s", e, got, fault, want)
		}
	}
}

// TestNoImpureFunctions: a spec gives the same plan twice.
func TestNoImpureFunctions(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"timestamp", "uuid", "uuidv4", "env", "file", "formatdate", "timeadd", "bcrypt", "random", "templatefile", "filesha256"} {
		if _, fault := value(t, dir, name+`("a")`); !strings.Contains(fault, "no function") {
			t.Errorf("%s: %q", name, fault)
		}
	}
}

func TestVersions(t *testing.T) {
	for _, c := range []struct {
		constraint, version string
		want                bool
	}{
		{">= 0.1.0, < 1.0.0", "0.1.0", true},
		{">= 0.1.0, < 1.0.0", "1.0.0", false},
		{"~> 0.1", "0.9.3", true},
		{"~> 0.1", "1.0.0", false},
		{"~> 0.1.2", "0.1.9", true},
		{"~> 0.1.2", "0.2.0", false},
		{"~> 0.1.2", "0.1.1", false},
		{"0.1.0", "0.1.0", true},
		{"= 0.1", "0.1.1", false},
		{"!= 0.1.1", "0.1.1", false},
		{"> 0.1", "0.1.1", true},
		{"<= 0.1", "v0.1.0-rc1", true},
		{">= 9", "", true}, // a build without a version
	} {
		dir := write(t, map[string]string{"s.hcl": "loraconv {\n  required_version = \"" + c.constraint + "\"\n}\n"})
		_, list := spec.Load(filepath.Join(dir, "s.hcl"), spec.Options{Version: c.version})
		if got := codes(list) == "error empty-spec"; got != c.want {
			t.Errorf("%s allows %s: got %v (%s), want %v", c.constraint, c.version, got, codes(list), c.want)
		}
	}
}

// TestSchemas: a plugin that describes its arguments wrongly is at fault, not
// the spec.
func TestSchemas(t *testing.T) {
	dir := write(t, map[string]string{"s.hcl": minimal})
	for name, schema := range map[string]spec.Schema{
		"type":      {Attributes: []spec.Attribute{{Name: "a", Type: "strin"}}},
		"no type":   {Attributes: []spec.Attribute{{Name: "a"}}},
		"path":      {Attributes: []spec.Attribute{{Name: "a", Type: "number", Path: true}}},
		"ours":      {Attributes: []spec.Attribute{{Name: "path", Type: "string"}}},
		"twice":     {Attributes: []spec.Attribute{{Name: "a", Type: "string"}}, Blocks: []spec.Block{{Name: "a"}}},
		"no name":   {Attributes: []spec.Attribute{{Type: "string"}}},
		"too deep":  {Attributes: []spec.Attribute{{Name: "a", Type: strings.Repeat("list(", 100)}}},
		"for_each":  {Blocks: []spec.Block{{Name: "for_each"}}},
		"bad label": {Blocks: []spec.Block{{Name: "a b"}}},
	} {
		f, list := spec.Load(filepath.Join(dir, "s.hcl"), spec.Options{})
		must(t, f, list)
		_, list = f.DecodeSource(f.Sources[0], schema)
		if codes(list) != "error bad-schema" || list.Class().ExitCode() != 6 {
			t.Errorf("%s: %s", name, codes(list))
		}
	}
}

// TestBlocks decodes blocks without labels, with one and with two.
func TestBlocks(t *testing.T) {
	dir := write(t, map[string]string{"s.hcl": `source "openpi" "ft" {
  path = "x"
  one {
    n = 1
  }
  many {
    n = 1
  }
  many {}
  named "a" {
    file = "f"
  }
  named "b" {
    file = "/abs"
  }
  two "a" "x" {}
  two "a" "y" {
    n = 2
  }
}
conversion "c" {
  source = source.openpi.ft
  output "pytorch" { path = "o" }
}`})
	f, list := spec.Load(filepath.Join(dir, "s.hcl"), spec.Options{})
	must(t, f, list)
	n := spec.Schema{Attributes: []spec.Attribute{{Name: "n", Type: "number"}}}
	got, list := f.DecodeSource(f.Sources[0], spec.Schema{Blocks: []spec.Block{
		{Name: "one", Max: 1, Schema: n},
		{Name: "many", Schema: n},
		{Name: "named", Labels: []string{"name"}, Schema: spec.Schema{Attributes: []spec.Attribute{{Name: "file", Type: "string", Path: true}}}},
		{Name: "two", Labels: []string{"a", "b"}, Schema: n},
		{Name: "absent", Schema: n},
	}})
	must(t, f, list)
	want := map[string]any{
		"one":  map[string]any{"n": int64(1)},
		"many": []any{map[string]any{"n": int64(1)}, map[string]any{}},
		"named": map[string]any{
			"a": map[string]any{"file": filepath.Join(dir, "f")},
			"b": map[string]any{"file": "/abs"},
		},
		"two": map[string]any{"a": map[string]any{"x": map[string]any{}, "y": map[string]any{"n": int64(2)}}},
	}
	if diff := cmp.Diff(want, got.Args); diff != "" {
		t.Error(diff)
	}
}

// TestCodes: each code stands once, in the form that people filter by.
func TestCodes(t *testing.T) {
	list := spec.Codes()
	for i, c := range list {
		if c == "" || strings.ToLower(c) != c || strings.Contains(c, " ") || i > 0 && c <= list[i-1] {
			t.Errorf("%q", c)
		}
	}
}
