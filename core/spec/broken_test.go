package spec_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/spec"
)

var update = flag.Bool("update", false, "write golden files anew")

// The schemas stand for what a plugin describes.
var (
	sourceSchema = spec.Schema{
		Attributes: []spec.Attribute{
			{Name: "config", Type: "string"},
			{Name: "kind", Type: "string", Enum: []string{"base", "lora", "both"}},
			{Name: "model", Type: "any"},
		},
		Blocks: []spec.Block{{Name: "lora", Max: 1, Schema: spec.Schema{
			Attributes: []spec.Attribute{
				{Name: "alpha", Type: "number"},
				{Name: "rslora", Type: "bool"},
				{Name: "alpha_pattern", Type: "map(number)"},
			},
			Blocks: []spec.Block{{Name: "rule", Labels: []string{"name"}, Rows: true}},
		}}},
	}
	outputSchema = spec.Schema{Attributes: []spec.Attribute{
		{Name: "files", Type: "list(string)"},
		{Name: "action_horizon", Type: "number"},
		{Name: "template", Type: "string", Path: true, Enum: []string{"none"}},
	}}
)

// decodeAll opens all bodies of a spec.
func decodeAll(f *spec.File) diag.List {
	var out diag.List
	for _, s := range f.Sources {
		schema := sourceSchema
		if strings.HasPrefix(f.Path, "needs-") {
			schema.Attributes = []spec.Attribute{{Name: "model", Type: "string", Required: true}}
		}
		_, ds := f.DecodeSource(s, schema)
		out = append(out, ds...)
	}
	for _, c := range f.Conversions {
		if c.Output != nil {
			_, ds := f.DecodeOutput(c.Output, outputSchema)
			out = append(out, ds...)
		}
	}
	return out
}

// TestBroken renders the faults of each spec in testdata/broken and compares
// the text with the file beside it. Renew with -update, and read the diff.
func TestBroken(t *testing.T) {
	t.Chdir("testdata/broken")
	names, err := specsHere()
	if err != nil || len(names) < 100 {
		t.Fatalf("found %d specs: %v", len(names), err)
	}
	known := map[string]bool{}
	for _, c := range spec.Codes() {
		known[c] = true
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			f, list := spec.Load(name, spec.Options{Version: "0.1.0"})
			if !list.HasErrors() {
				list = append(list, decodeAll(f)...)
			}
			var got bytes.Buffer
			if err := f.Render(&got, list, spec.RenderOptions{Width: 100}); err != nil {
				t.Fatal(err)
			}
			if !list.HasErrors() {
				t.Errorf("no error is found in it:\n%s", &got)
			}
			for _, d := range list {
				if !known[d.Code] {
					t.Errorf("code %q is not in Codes", d.Code)
				}
				if d.Severity == diag.Error && d.Class.ExitCode() != 64 {
					t.Errorf("exit code %d for %s, want 64", d.Class.ExitCode(), d.Code)
				}
				if d.Range == nil && d.Code != "empty-spec" {
					t.Errorf("no place for %s: %s", d.Code, d.Detail)
				}
			}
			if strings.Contains(got.String(), "hunter2") {
				t.Errorf("a sensitive value is printed:\n%s", &got)
			}
			golden := name + ".golden"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("rendered text (-want +got):\n%s", diff)
			}
		})
	}
}

func specsHere() ([]string, error) {
	native, err := filepath.Glob("*.hcl")
	if err != nil {
		return nil, err
	}
	inJSON, err := filepath.Glob("*.hcl.json")
	return append(native, inJSON...), err
}
