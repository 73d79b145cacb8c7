//go:build fixtures

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store/all"
	"github.com/loraconv/loraconv/plugins/openpi"
	"github.com/loraconv/loraconv/sdk"
)

// TestOpenPIFixtures converts every case under LORACONV_FIXTURES/openpi.
func TestOpenPIFixtures(t *testing.T) {
	root := os.Getenv("LORACONV_FIXTURES")
	dirs, err := filepath.Glob(filepath.Join(root, "openpi", "*", "case.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no fixture under %s: %v", root, err)
	}
	for _, d := range dirs {
		dir := filepath.Dir(d)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			if readCase(t, dir).Outcome == "refuse" {
				refusesRight(t, dir)
				return
			}
			for _, dtype := range []string{"float32", "bfloat16", "mixed"} {
				t.Run(dtype, func(t *testing.T) { convertsRight(t, dir, dtype) })
			}
		})
	}
}

// TestOpenPIFixturesLedger removes, renames, adds, reshapes every parameter of
// every good fixture, one at a time, at manifest level: each must be refused by
// name, or change what plan prints.
func TestOpenPIFixturesLedger(t *testing.T) {
	cases, err := filepath.Glob(filepath.Join(os.Getenv("LORACONV_FIXTURES"), "openpi", "*", "case.json"))
	if err != nil || len(cases) == 0 {
		t.Fatalf("no fixture: %v", err)
	}
	for _, file := range cases {
		dir := filepath.Dir(file)
		c := readCase(t, dir)
		if c.Outcome == "refuse" {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			d, err := all.Open(t.Context(), filepath.Join(dir, filepath.FromSlash(c.Params)), all.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			r, err := d.Tree(".")
			if err != nil {
				t.Fatal(err)
			}
			mutateEveryLeaf(t, r.Manifest())
		})
	}
}

func mutateEveryLeaf(t *testing.T, m *manifest.Manifest) {
	t.Helper()
	args := map[string]any{"lora": map[string]any{"alpha": 16.0}}
	if !strings.Contains(fmt.Sprint(m.Tensors), "lora") { // a lora block would be a contradiction
		args = map[string]any{}
	}
	planned := func(m *manifest.Manifest) *sdk.PlanResponse {
		resp, err := openpi.Converter{}.Plan(t.Context(), sdk.PlanRequest{
			Conversion: "robot", Output: sdk.Output{Format: "pytorch"},
			Sources: []sdk.Source{{Name: "ft", Role: "source", Weight: 1, Manifest: m, Args: args}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	base := planned(m)
	if base.Diagnostics.HasErrors() {
		t.Fatal(base.Diagnostics)
	}
	for i := range m.Tensors {
		for what, mutate := range mutations {
			changed := m.Clone()
			leaf := changed.Tensors[i].Name
			mutate(changed, i)
			changed.Sort()
			resp := planned(changed)
			if resp.Plan != nil {
				resp.Diagnostics.Append(plan.Check(resp.Plan, plan.Manifests{"ft": changed}))
			}
			switch {
			case resp.Diagnostics.HasErrors() && !strings.Contains(resp.Diagnostics.Error(), leaf):
				t.Errorf("%s %s: refused without naming it: %v", what, leaf, resp.Diagnostics)
			case !resp.Diagnostics.HasErrors() && cmp.Equal(base.Plan.Facts, resp.Plan.Facts):
				t.Errorf("%s %s: planned without a word", what, leaf)
			}
		}
	}
}
