package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/santhosh-tekuri/jsonschema/v6"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/sdk"
)

// published compiles the schemas that the command prints.
func published(t *testing.T) map[string]*jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	ids := map[string]string{}
	for _, name := range schemaNames() {
		code, stdout, stderr := loraconv(t, "schema", name, "-json")
		if code != 0 || stderr != "" {
			t.Fatalf("schema %s: exit %d, %s", name, code, stderr)
		}
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(stdout))
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = doc.(map[string]any)["$id"].(string)
		if err := c.AddResource(ids[name], doc); err != nil {
			t.Fatal(err)
		}
	}
	out := map[string]*jsonschema.Schema{}
	for name, id := range ids {
		s, err := c.Compile(id)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out[name] = s
	}
	return out
}

// strictly checks a line by a schema, and that the schema is strict: with one
// key more or one key less in the outermost object it refuses the line, unless
// that key is named as one that may be absent.
func strictly(t *testing.T, s *jsonschema.Schema, line string, mayLack ...string) map[string]any {
	t.Helper()
	meets(t, s, line)
	var m map[string]any
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for k, v := range m {
		delete(m, k)
		if err := s.Validate(m); err == nil && !slices.Contains(mayLack, k) {
			t.Errorf("without %q it is still right: %s", k, line)
		}
		m[k] = v
	}
	m["more"] = 1
	if err := s.Validate(m); err == nil {
		t.Errorf("with a key more it is still right: %s", line)
	}
	delete(m, "more")
	return m
}

var optional = map[string][]string{"diagnostic": {"exit", "detail", "context", "range", "path", "tensor", "rule"}}

// events checks a stream, and counts its types.
func events(t *testing.T, s *jsonschema.Schema, stdout string, seen map[string]int) {
	t.Helper()
	for i, line := range strings.Split(strings.TrimSuffix(stdout, "\n"), "\n") {
		typ := ""
		if rest, ok := strings.CutPrefix(line, `{"type":"`); ok {
			typ, _, _ = strings.Cut(rest, `"`)
		}
		if (i == 0) != (typ == "version") {
			t.Errorf("line %d is %q", i, typ)
		}
		if seen[typ]++; seen[typ] <= 3 { // they are many
			strictly(t, s, line, optional[typ]...)
		} else {
			meets(t, s, line)
		}
	}
}

// What every command prints with -json, on the examples and where they fail, is
// what the published schemas say.
func TestOutputMeetsSchemas(t *testing.T) {
	all := published(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../examples")); err != nil {
		t.Fatal(err)
	}
	specs, err := filepath.Glob(filepath.Join(dir, "*", "*.hcl"))
	if err != nil || len(specs) < 2 {
		t.Fatalf("%d examples, %v", len(specs), err)
	}
	seen := map[string]int{}
	ask := func(want int, args ...string) string {
		t.Helper()
		code, stdout, stderr := loraconv(t, args...)
		if code != want {
			t.Fatalf("%v: exit %d, wanted %d\n%s%s", args, code, want, stdout, stderr)
		}
		return stdout
	}
	m := newMachine(t) // one of the examples is a plugin, which is installed and pinned first
	m.install("0.1.0", m.good)
	ask(0, "init", filepath.Join(dir, "plugin-pocket", "model.hcl"))
	var outputs []string
	for _, spec := range specs {
		out := filepath.Join(dir, "out", filepath.Base(filepath.Dir(spec)))
		outputs = append(outputs, out)
		events(t, all["events"], ask(0, "plan", spec, "-json"), seen)
		events(t, all["events"], ask(0, "run", spec, "-json", "-var", "out="+out), seen)
		events(t, all["events"], ask(0, "run", spec, "-json", "-var", "out="+out), seen) // unchanged
		events(t, all["events"], ask(0, "validate", spec, "-json"), seen)
		strictly(t, all["verify"], ask(0, "verify", out, "-json"))
		strictly(t, all["inspect"], ask(0, "inspect", out, "-json"), "step", "lora")
		strictly(t, all["diff"], ask(0, "diff", out, out, "-json"))
		sources, err := filepath.Glob(filepath.Join(filepath.Dir(spec), "checkpoint", "*"))
		if err != nil || len(sources) == 0 {
			t.Fatal(err)
		}
		for _, s := range sources {
			strictly(t, all["inspect"], ask(0, "inspect", s, "-json", "-digest"), "step", "lora")
		}
	}
	strictly(t, all["diff"], ask(10, "diff", outputs[0], outputs[1], "-json"))
	strictly(t, all["version"], ask(0, "version", "-json"), "revision", "modified")

	// Faults.
	bad := filepath.Join(dir, "bad.hcl")
	if err := os.WriteFile(bad, []byte(strings.Replace(validSpec, "alpha", "alhpa", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	events(t, all["events"], ask(64, "run", bad, "-json"), seen)
	events(t, all["events"], ask(64, "validate", bad, "-format", "json"), seen)
	for i, name := range []string{"config.json", "model.safetensors"} {
		path := filepath.Join(outputs[i%2], name)
		if b, err := os.ReadFile(path); err == nil {
			b[len(b)-3] ^= 1
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	strictly(t, all["verify"], ask(10, "verify", outputs[0], "-json"))

	// Progress comes once a second: these are too quick.
	var b bytes.Buffer
	e := view.NewEvents(&b, version)
	e.Progress("robot", sdk.Progress{Read: 1, ReadAll: 2, Written: 3, All: 4})
	events(t, all["events"], b.String(), seen)

	for _, typ := range eventTypes(t) {
		if seen[typ] == 0 {
			t.Errorf("no event of type %q was seen", typ)
		}
		delete(seen, typ)
	}
	if len(seen) > 0 {
		t.Errorf("events that the schema does not have: %v", seen)
	}
}

// eventTypes lists the types that the schema of events has.
func eventTypes(t *testing.T) (out []string) {
	b, err := schemas.ReadFile("schemas/events.v1.json")
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OneOf []struct {
			Ref string `json:"$ref"`
		} `json:"oneOf"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	for _, r := range doc.OneOf {
		out = append(out, strings.TrimPrefix(r.Ref, "#/$defs/"))
	}
	return out
}

// asJSON writes a spec of native syntax in its JSON form. Where it is given,
// rename is asked for the name of each argument and block, by its path.
func asJSON(t *testing.T, src []byte, rename func(path, name string) string) []byte {
	t.Helper()
	f, ds := hclsyntax.ParseConfig(src, "s.hcl", hcl.InitialPos)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	var body func(path string, b *hclsyntax.Body) map[string]any
	body = func(path string, b *hclsyntax.Body) map[string]any {
		out := map[string]any{}
		for name, a := range b.Attributes {
			out[rename(path, name)] = expression(src, a.Expr)
		}
		for _, x := range b.Blocks {
			name := rename(path, x.Type)
			var inside any = body(path+"/"+x.Type, x.Body)
			for i := len(x.Labels) - 1; i >= 0; i-- {
				inside = map[string]any{x.Labels[i]: inside}
			}
			list, _ := out[name].([]any)
			out[name] = append(list, inside)
		}
		return out
	}
	b, err := json.MarshalIndent(body("", f.Body.(*hclsyntax.Body)), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func expression(src []byte, x hclsyntax.Expression) any {
	switch x := x.(type) {
	case *hclsyntax.TupleConsExpr:
		out := []any{}
		for _, e := range x.Exprs {
			out = append(out, expression(src, e))
		}
		return out
	case *hclsyntax.ObjectConsExpr:
		out := map[string]any{}
		for _, item := range x.Items {
			key, ds := item.KeyExpr.Value(nil)
			if ds.HasErrors() {
				return "${" + string(x.Range().SliceBytes(src)) + "}"
			}
			out[key.AsString()] = expression(src, item.ValueExpr)
		}
		return out
	}
	if v, ds := x.Value(nil); !ds.HasErrors() {
		b, err := ctyjson.Marshal(v, v.Type())
		if err == nil {
			return json.RawMessage(b)
		}
	}
	text := string(x.Range().SliceBytes(src))
	if strings.HasPrefix(text, `"`) {
		return strings.ReplaceAll(strings.Trim(text, `"`), `\"`, `"`)
	}
	return "${" + text + "}"
}

// The editors' schema takes every spec of the repository that loraconv takes,
// and refuses it when one of its arguments or blocks is misspelt.
func TestSpecSchema(t *testing.T) {
	schema := published(t)["spec"]
	var specs []string
	for _, p := range []string{"../../examples/*/*.hcl", "../../core/spec/testdata/samples/*.hcl"} {
		found, err := filepath.Glob(p)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, found...)
	}
	if len(specs) < 6 {
		t.Fatalf("%d specs", len(specs))
	}
	taken := 0
	same := func(_, name string) string { return name }
	for _, path := range specs {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if code, _, _ := loraconv(t, "validate", path); code != 0 {
			continue // it uses what a plugin does not have yet
		}
		taken++
		meets(t, schema, string(asJSON(t, src, same)))
		names := map[string]string{} // path of a block + name → the block
		asJSON(t, src, func(p, name string) string { names[p+"/"+name] = p; return name })
		for full, at := range names {
			if open[last(at)] {
				continue
			}
			broken := asJSON(t, src, func(p, name string) string {
				if p+"/"+name == full {
					return name + "_"
				}
				return name
			})
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(broken))
			if err != nil {
				t.Fatal(err)
			}
			if schema.Validate(v) == nil {
				t.Errorf("%s with %s_ is right by the schema", path, full)
			}
		}
	}
	if taken < 5 {
		t.Errorf("only %d specs are valid", taken)
	}
}

// open are the blocks that hold arguments of any name.
var open = map[string]bool{"locals": true, "required_plugins": true, "execution": true}

func last(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

// checkNames are the names in core/spec's table of checks, which are not
// written as schemas.
var checkNames = []string{"drift", "reference", "roundtrip", "files", "max_abs", "rtol", "min_retention", "match", "path", "require", "forbid"}

// The spec's schema names all that core/spec's source names, so that nothing is
// forgotten when the language grows.
func TestSpecSchemaHasAllOfTheLanguage(t *testing.T) {
	_, schema, _ := loraconv(t, "schema")
	for _, name := range checkNames {
		if !strings.Contains(schema, fmt.Sprintf("%q: {", name)) {
			t.Errorf("%q is not in the schema", name)
		}
	}
	set := token.NewFileSet()
	n := 0
	err := filepath.WalkDir("../../core/spec", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(set, p, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(x ast.Node) bool {
			c, ok := x.(*ast.CompositeLit)
			if !ok {
				return true
			}
			typ, ok := c.Type.(*ast.ArrayType)
			if !ok {
				return true
			}
			if s, ok := typ.Elt.(*ast.SelectorExpr); !ok || s.Sel.Name != "AttributeSchema" && s.Sel.Name != "BlockHeaderSchema" {
				return true
			}
			ast.Inspect(c, func(x ast.Node) bool {
				kv, ok := x.(*ast.KeyValueExpr)
				if !ok {
					return true
				}
				if k := kv.Key.(*ast.Ident).Name; k == "Name" || k == "Type" {
					if name, ok := text(kv.Value); ok {
						n++
						if !strings.Contains(schema, fmt.Sprintf("%q: {", name)) {
							t.Errorf("%s: %q is not in the schema", set.Position(kv.Pos()), name)
						}
					}
				}
				return true
			})
			return false
		})
		return nil
	})
	if err != nil || n < 30 {
		t.Fatalf("%d names, %v", n, err)
	}
}

func TestSchemaOfNothing(t *testing.T) {
	code, stdout, stderr := loraconv(t, "schema", "evnts")
	if code != 64 || stdout != "" || !strings.Contains(stderr, "wanted one of spec, diff, events") {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
}
