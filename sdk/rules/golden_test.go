package rules

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// checkpoint is a case's facts and the shapes of its sources; all float32.
type checkpoint struct {
	Facts   map[string]float64 `json:"facts"`
	Sources []struct {
		Name    string                  `json:"name"`
		Weight  *float64                `json:"weight"`
		Tensors map[string]tensor.Shape `json:"tensors"`
	} `json:"sources"`
}

func (c *checkpoint) input(t *rule.Table) (Input, plan.Manifests) {
	in := Input{Table: t, Method: "merge", DType: "float32", Facts: map[string]cty.Value{}}
	for k, v := range c.Facts {
		in.Facts[k] = cty.NumberFloatVal(v)
	}
	ms := plan.Manifests{}
	for _, s := range c.Sources {
		m := &manifest.Manifest{}
		for n, shape := range s.Tensors {
			m.Tensors = append(m.Tensors, manifest.Tensor{Name: n, DType: tensor.Float32, Shape: shape})
		}
		m.Sort()
		w := 1.0
		if s.Weight != nil {
			w = *s.Weight
		}
		ms[s.Name] = m
		in.Sources = append(in.Sources, sdk.Source{Name: s.Name, Weight: w, Manifest: m})
	}
	return in, ms
}

func readTable(t testing.TB, name string) *rule.Table {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".hcl"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := rule.Parse(string(b), name+".hcl")
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func readCheckpoint(t testing.TB, name string) *checkpoint {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	c := &checkpoint{}
	if err := json.Unmarshal(b, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// planOf makes the whole plan of a result, so that it can be checked.
func planOf(in Input, res *Result) *plan.Plan {
	p := &plan.Plan{Version: plan.Version, Output: plan.Output{Format: "test", File: "model.safetensors"}, Tensors: res.Tensors, Drops: res.Drops, Facts: res.Facts}
	for _, s := range in.Sources {
		p.Sources = append(p.Sources, s.Name)
	}
	plan.Normalize(p)
	p.Sort()
	return p
}

func text(p *plan.Plan) string {
	var b strings.Builder
	for _, x := range p.Tensors {
		fmt.Fprintf(&b, "%s %v = %s\n", x.Name, x.Shape, plan.String(x.Expr))
	}
	for _, d := range p.Drops {
		fmt.Fprintf(&b, "drop %s: %s\n", d.String(), d.Reason)
	}
	return b.String()
}

// The rows that are hard to write, with the plan lines that they mean. The
// .plan files are written by hand: there is no flag that renews them.
func TestGoldens(t *testing.T) {
	plans, err := filepath.Glob("testdata/*.plan")
	if err != nil || len(plans) < 16 {
		t.Fatalf("found %d goldens: %v", len(plans), err)
	}
	for _, path := range plans {
		name := strings.TrimSuffix(filepath.Base(path), ".plan")
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			table, _, _ := strings.Cut(name, ".")
			in, ms := readCheckpoint(t, name).input(readTable(t, table))
			res, err := Expand(in)
			if err != nil {
				t.Fatal(err)
			}
			if err := res.Diagnostics.Err(); err != nil {
				t.Fatal(err)
			}
			p := planOf(in, res)
			if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(text(p), "\n")); d != "" {
				t.Errorf("plan (-by hand +expanded):\n%s", d)
			}
			if err := plan.Check(p, ms).Err(); err != nil {
				t.Error(err)
			}
		})
	}
}
