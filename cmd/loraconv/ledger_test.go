package main

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store/all"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/plugins/maxtext"
	"github.com/loraconv/loraconv/sdk"
)

// mutations change one leaf of a manifest.
var mutations = map[string]func(*manifest.Manifest, int){
	"remove": func(m *manifest.Manifest, i int) { m.Tensors = slices.Delete(m.Tensors, i, i+1) },
	"rename": func(m *manifest.Manifest, i int) { m.Tensors[i].Name += "x" },
	"add": func(m *manifest.Manifest, i int) {
		extra := m.Tensors[i]
		extra.Name += "_extra"
		m.Tensors = append(m.Tensors, extra)
	},
	"widen": func(m *manifest.Manifest, i int) {
		s := slices.Clone(m.Tensors[i].Shape)
		s[len(s)-1]++
		m.Tensors[i].Shape = s
	},
	"lengthen": func(m *manifest.Manifest, i int) {
		s := slices.Clone(m.Tensors[i].Shape)
		s[0]++
		m.Tensors[i].Shape = s
	},
	"flatten": func(m *manifest.Manifest, i int) {
		s := m.Tensors[i].Shape
		m.Tensors[i].Shape = tensor.Shape{s.Elements()}
		if len(s) == 1 {
			m.Tensors[i].Shape = tensor.Shape{s[0], 1}
		}
	},
	"drop axis": func(m *manifest.Manifest, i int) { m.Tensors[i].Shape = m.Tensors[i].Shape[1:] },
}

// maxtextLedger changes every leaf that a conversion of a case reads, one at a
// time: each change must be refused by the leaf's name, or change what plan
// prints. alone leaves the base out and exports the adapter.
func maxtextLedger(t *testing.T, dir string, alone bool) {
	t.Helper()
	c := readMaxtext(t, dir)
	ms := plan.Manifests{"base": treeOf(t, filepath.Join(c.dir, filepath.FromSlash(c.Base))), "lora": treeOf(t, filepath.Join(c.dir, filepath.FromSlash(c.Lora)))}
	base := sdk.Source{Name: "base", Role: "source", Weight: 1, Args: map[string]any{"model": c.Model}}
	lora := sdk.Source{Name: "lora", Role: "adapter", Weight: 1, Args: map[string]any{"lora": map[string]any{"alpha": c.Alpha}}}
	req := sdk.PlanRequest{Conversion: "model", Output: sdk.Output{Format: "huggingface", Args: map[string]any{"template": "none"}}, Sources: []sdk.Source{base, lora}}
	if alone {
		lora.Role = "source"
		tp := &sdk.Template{}
		readJSON(t, filepath.Join(c.dir, filepath.FromSlash(c.Templ), "config.json"), &tp.Config)
		req.Output, req.Sources = sdk.Output{Format: "peft", Template: tp}, []sdk.Source{lora}
		delete(ms, "base")
	}
	planned := func(ms plan.Manifests) *sdk.PlanResponse {
		r := req
		r.Sources = slices.Clone(req.Sources)
		for i := range r.Sources {
			r.Sources[i].Manifest = ms[r.Sources[i].Name]
		}
		resp, err := maxtext.Converter{}.Plan(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		if resp.Plan != nil {
			resp.Diagnostics.Append(plan.Check(resp.Plan, ms))
		}
		return resp
	}
	first := planned(ms)
	if first.Diagnostics.HasErrors() {
		t.Fatal(first.Diagnostics)
	}
	read := map[string]bool{}
	for _, x := range first.Plan.Tensors {
		plan.Sources(x.Expr, func(s *plan.Source) { read[s.From+"\x00"+s.Name] = true })
	}
	if len(read) < 6 {
		t.Errorf("%d leaves are read", len(read))
	}
	for name, m := range ms {
		for i := range m.Tensors {
			leaf := m.Tensors[i].Name
			if !read[name+"\x00"+leaf] {
				continue // dropped for a reason that plan prints
			}
			for what, mutate := range mutations {
				changed := m.Clone()
				mutate(changed, i)
				changed.Sort()
				other := plan.Manifests{name: changed}
				for n := range ms {
					if n != name {
						other[n] = ms[n]
					}
				}
				resp := planned(other)
				switch {
				case resp.Diagnostics.HasErrors() && !strings.Contains(resp.Diagnostics.Error(), leaf):
					t.Errorf("%s %s: refused without naming it: %v", what, leaf, resp.Diagnostics)
				case !resp.Diagnostics.HasErrors() && cmp.Equal(first.Plan.Facts, resp.Plan.Facts):
					t.Errorf("%s %s: planned without a word", what, leaf)
				}
			}
		}
	}
}

func treeOf(t *testing.T, dir string) *manifest.Manifest {
	t.Helper()
	d, err := all.Open(t.Context(), dir, all.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r, err := d.Tree(".")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	return r.Manifest()
}

func TestMaxTextLedger(t *testing.T) {
	t.Run("merge", func(t *testing.T) { maxtextLedger(t, maxtextShipped, false) })
	t.Run("alone", func(t *testing.T) { maxtextLedger(t, maxtextShipped, true) })
}
