package openpi

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"sort"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/plan"
)

// modelConfig is config.json as examples/convert_jax_model_to_pytorch.py
// writes it. openpi never reads it back. A value that is not known is left
// out.
type modelConfig struct {
	ActionDim        int    `json:"action_dim,omitempty"`
	ActionHorizon    int    `json:"action_horizon,omitempty"`
	PaligemmaVariant string `json:"paligemma_variant,omitempty"`
	ExpertVariant    string `json:"action_expert_variant,omitempty"`
	Precision        string `json:"precision,omitempty"`
}

func (c *conversion) documents() []plan.Document {
	m := modelConfig{ActionDim: c.tree.actionDim, PaligemmaVariant: c.tree.variant[0], ExpertVariant: c.tree.variant[1]}
	if h, ok := c.req.Output.Args["action_horizon"].(float64); ok {
		if m.ActionHorizon = int(h); float64(m.ActionHorizon) != h || h < 1 {
			c.fail("invalid-value", "No horizon", []string{"conversion", c.req.Conversion, "output", "action_horizon"}, "found %v, wanted a whole number of at least 1: how many actions the model predicts at once", h)
		}
	} else if name, ok := c.source().Args["config"].(string); ok {
		m.ActionHorizon = configs[name].horizon
	}
	switch d := c.dtype(c.method()); d {
	case "mixed":
		m.Precision = "bfloat16" // what the module is built with
	case "source":
	default:
		m.Precision = d
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(m); err != nil {
		panic("openpi: config.json is not serialisable")
	}
	return []plan.Document{{Path: "config.json", Content: b.String()}}
}

// files picks the side files to copy. openpi's loader reads
// <dir>/assets/<asset_id>/norm_stats.json.
func (c *conversion) files() []plan.File {
	globs := []string{"assets/**"}
	said := false
	if list, ok := c.req.Output.Args["files"].([]any); ok {
		globs, said = nil, true
		for _, g := range list {
			if s, ok := g.(string); ok {
				globs = append(globs, s)
			}
		}
	}
	var out []plan.File
	for _, text := range globs {
		g, err := glob.Compile(text, '/')
		if err != nil {
			c.fail("bad-glob", "A pattern cannot be read", []string{"conversion", c.req.Conversion, "output", "files"}, "%v", err)
			continue
		}
		hits := 0
		for _, f := range c.source().Manifest.Files {
			if g.Match(f.Path) {
				hits++
				if f.Bytes == 0 && path.Base(f.Path) == "norm_stats.json" {
					c.resp.Diagnostics.Errorf(diag.Source, "assets-empty", "Statistics are empty", "%s of source %q has 0 bytes, and openpi cannot run the model without what it held; copy assets/ of the step again, or take the file away to go without it", f.Path, c.source().Name).Path = c.path("path")
				}
				out = append(out, plan.File{From: c.source().Name, Path: f.Path, To: f.Path})
			}
		}
		if hits == 0 && said {
			c.resp.Diagnostics.Warnf("glob-hits-nothing", "A pattern hits no file", "files = [%q] matches none of the checkpoint's %d side files", text, len(c.source().Manifest.Files)).Path = []string{"conversion", c.req.Conversion, "output", "files"}
		}
	}
	stats := slices.ContainsFunc(out, func(f plan.File) bool { return path.Base(f.To) == "norm_stats.json" })
	if !stats && !said {
		c.resp.Diagnostics.Warnf("no-assets", "The checkpoint has no assets", "there is no norm_stats.json under assets/ in the directory that source %q names, so the output has no norm_stats.json; openpi needs one to run the model: name the step directory, which holds params/ and assets/, or copy it by hand", c.source().Name)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].To < out[j].To })
	return uniqueFiles(out)
}

func uniqueFiles(in []plan.File) []plan.File {
	var out []plan.File
	for _, f := range in {
		if n := len(out); n > 0 && out[n-1].To == f.To {
			continue
		}
		out = append(out, f)
	}
	return out
}
