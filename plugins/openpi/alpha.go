package openpi

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/manifest"
)

// alphas says which alpha scales the attention LoRA of a base parameter.
type alphas struct {
	rslora   bool
	all      *float64  // from lora.alpha
	patterns []pattern // from lora.alpha_pattern, most specific first
	expert   map[string]float64
	from     string
	asked    map[string]bool // base parameters whose LoRA alpha scales
}

type pattern struct {
	text string
	glob *glob.Pattern
	v    float64
}

// trainConfig is one of training/config.py's, with what decides a scale.
type trainConfig struct {
	model   string
	horizon int
	lora    map[string]float64 // expert suffix -> alpha; rank equals alpha in every one
}

// configs are openpi's TrainConfigs: model and action_horizon of each, and
// alpha where the variant has LoRA (models/gemma.py get_config: gemma_2b_lora
// 16, gemma_300m_lora 32).
var configs = map[string]trainConfig{
	"pi0_aloha": {"pi0", 50, nil}, "pi0_aloha_towel": {"pi0", 50, nil}, "pi0_aloha_tupperware": {"pi0", 50, nil},
	"pi05_aloha": {"pi05", 50, nil}, "pi0_droid": {"pi0", 10, nil}, "pi0_fast_droid": {"pi0_fast", 10, nil},
	"pi05_droid": {"pi05", 15, nil}, "pi0_libero": {"pi0", 50, nil},
	"pi0_libero_low_mem_finetune":      {"pi0", 50, map[string]float64{"": 16, "_1": 32}},
	"pi0_fast_libero":                  {"pi0_fast", 10, nil},
	"pi0_fast_libero_low_mem_finetune": {"pi0_fast", 10, map[string]float64{"": 16}},
	"pi05_libero":                      {"pi05", 10, nil},
	"pi0_aloha_pen_uncap":              {"pi0", 50, nil}, "pi05_aloha_pen_uncap": {"pi05", 50, nil},
	"pi0_fast_full_droid_finetune": {"pi0_fast", 16, nil}, "pi05_full_droid_finetune": {"pi05", 16, nil},
	"pi05_droid_finetune": {"pi05", 16, nil}, "pi0_aloha_sim": {"pi0", 50, nil},
	"debug": {"pi0", 50, nil}, "debug_restore": {"pi0", 50, nil}, "debug_pi05": {"pi05", 50, nil},
	"paligemma_binning_droid": {"pi0_fast", 15, nil}, "paligemma_fast_droid": {"pi0_fast", 15, nil},
	"paligemma_fast_specialist_droid": {"pi0_fast", 15, nil}, "paligemma_vq_droid": {"pi0_fast", 15, nil},
	"paligemma_diffusion_droid":       {"pi0", 10, nil},
	"pi05_droid_jointpos_polaris":     {"pi05", 15, nil},
	"pi0_fast_droid_jointpos_polaris": {"pi0_fast", 10, nil},
	"pi0_droid_jointpos_polaris":      {"pi0", 10, nil}, "pi0_droid_jointpos_100k_polaris": {"pi0", 10, nil},
	"paligemma_binning_droid_jointpos": {"pi0_fast", 15, nil},
}

// readAlpha gathers what the spec says about alpha, and refuses a config that
// contradicts the checkpoint.
func (c *conversion) readAlpha() alphas {
	a := alphas{asked: map[string]bool{}}
	lora, _ := c.source().Args["lora"].(map[string]any)
	if v, ok := lora["alpha"].(float64); ok {
		a.all, a.from = &v, "lora.alpha in the spec"
	}
	a.rslora, _ = lora["rslora"].(bool)
	byGlob, _ := lora["alpha_pattern"].(map[string]any)
	for _, text := range slices.Sorted(maps.Keys(byGlob)) {
		n, _ := byGlob[text].(float64)
		g, err := glob.Compile(text, '/')
		if err != nil {
			c.fail("bad-glob", "A pattern cannot be read", c.path("lora", "alpha_pattern"), "%q: %v", text, err)
			continue
		}
		c.checkAlpha(n, fmt.Sprintf(" on %q", text), "alpha_pattern")
		a.patterns = append(a.patterns, pattern{text, g, n})
		a.from = "lora.alpha_pattern in the spec"
	}
	sort.Slice(a.patterns, func(i, j int) bool {
		if d := a.patterns[i].glob.Compare(a.patterns[j].glob); d != 0 {
			return d < 0
		}
		return a.patterns[i].text < a.patterns[j].text
	})
	if a.all != nil {
		c.checkAlpha(*a.all, "", "alpha")
	}
	if name, ok := c.source().Args["config"].(string); ok {
		c.readConfig(name, &a)
	}
	return a
}

// checkAlpha refuses what would take the LoRA away, turn it round, or leave the
// range of float32, in which it is merged, for any rank.
func (c *conversion) checkAlpha(v float64, where, arg string) {
	const least, most = 1e-30, 1e30
	if !(v >= least && v <= most) {
		c.fail("alpha-invalid", "Alpha must be positive", c.path("lora", arg), "found %v%s, wanted a number from %g to %g: the alpha of the model's LoRAConfig", v, where, least, most)
	}
}

func (c *conversion) readConfig(name string, a *alphas) {
	cfg, ok := configs[name]
	if !ok {
		hint := "."
		if s := manifest.Suggest(name, configNames(nil)); s != "" {
			hint = fmt.Sprintf("; did you mean %q?", s)
		}
		withLoRA := configNames(func(t trainConfig) bool { return t.lora != nil })
		c.fail("unknown-config", "No TrainConfig of that name is known", c.path("config"),
			"%q is not one of openpi's %d TrainConfigs%s For a config of your own, leave config out and give lora { alpha = … }; of openpi's own, %s have LoRA", name, len(configs), hint, strings.Join(withLoRA, " and "))
		return
	}
	if cfg.model != c.tree.model {
		c.fail("config-contradicts", "The config is of another model", c.path("config"),
			"config %q is a %s, the checkpoint is a %s (%s)", name, cfg.model, c.tree.model, c.tree.modelFrom)
		return
	}
	if a.all != nil || len(a.patterns) > 0 {
		return // what the spec says itself goes first
	}
	if cfg.lora == nil {
		if c.tree.lora && c.req.Method != "base" {
			c.fail("config-contradicts", "The config has no LoRA, the checkpoint has", c.path("config"),
				"config %q trains without LoRA and so says nothing about alpha; name the config that the run was started with, or give lora { alpha = … }", name)
		}
		return
	}
	a.expert, a.from = cfg.lora, fmt.Sprintf("config %q", name)
	if c.req.Method != "base" {
		for _, suffix := range slices.Sorted(maps.Keys(cfg.lora)) {
			c.checkLoRA(name, suffix, int(cfg.lora[suffix]))
		}
	}
}

// checkLoRA compares what a config trains in one expert, LoRA of one rank on
// attention and feed-forward layers, with the checkpoint.
func (c *conversion) checkLoRA(name, suffix string, want int) {
	for _, g := range c.tree.groups(suffix) {
		first := c.tree.firstLoRA(g)
		switch {
		case first == nil && len(g.modules) > 0:
			c.fail("config-contradicts", "The config has LoRA, the checkpoint has not", c.path("config"),
				"config %q trains LoRA of rank %d on the %s of %s, and source %q has none, such as %s: name the config that the run was started with, or look for a complete save; method = \"base\" converts the weights alone", name, want, g.what, c.tree.names[g.modules[0].base].Name, c.source().Name, g.modules[0].a)
		case first != nil && len(first.Shape) > 0 && rank(first) != want:
			c.fail("config-contradicts", "The config has another rank", c.path("config"), "config %q trains with rank %d, %s has rank %d", name, want, first.Name, rank(first))
		}
	}
}

// configNames lists the TrainConfigs, or those that are wanted.
func configNames(wanted func(trainConfig) bool) []string {
	var out []string
	for n, t := range configs {
		if wanted == nil || wanted(t) {
			out = append(out, n)
		}
	}
	sort.Strings(out)
	return out
}

// facts gives the alpha of one base parameter, named without its root; the
// rows ask for those that have a LoRA which alpha scales.
func (a *alphas) facts(param string) map[string]cty.Value {
	a.asked[param] = true
	if v, ok := a.of(param); ok {
		return map[string]cty.Value{"alpha": cty.NumberFloatVal(v)}
	}
	return nil
}

func (a *alphas) of(param string) (float64, bool) {
	for _, p := range a.patterns {
		if p.matches(param) {
			return p.v, true
		}
	}
	if a.all != nil {
		return *a.all, true
	}
	suffix := ""
	if strings.Contains(param, "_1/") {
		suffix = "_1"
	}
	v, ok := a.expert[suffix]
	return v, ok
}

// matches accepts patterns written with and without the root.
func (p *pattern) matches(param string) bool {
	return p.glob.Match(param) || p.glob.Match("params/"+param)
}

// checkPatterns refuses patterns that hit nothing that alpha scales: an alpha
// that goes nowhere is an adapter with the wrong scale.
func (c *conversion) checkPatterns(method string) {
	for _, p := range c.alpha.patterns {
		hit := ""
		for _, n := range slices.Sorted(maps.Keys(c.tree.names)) {
			if p.matches(n) {
				hit = c.tree.names[n].Name
				break
			}
		}
		switch {
		case hit == "":
			c.patternHitsNothing(p)
		case method != "merge" || slices.ContainsFunc(slices.Collect(maps.Keys(c.alpha.asked)), p.matches):
		case strings.HasSuffix(hit, "_einsum/w"), strings.HasSuffix(hit, "_einsum_1/w"):
			c.resp.Diagnostics.Warnf("glob-hits-nothing", "A pattern hits no LoRA", "%q matches parameters of source %q that have no LoRA, such as %s: its alpha scales nothing", p.text, c.source().Name, hit).Path = c.path("lora", "alpha_pattern")
		default:
			c.fail("glob-hits-nothing", "A pattern hits nothing that alpha scales", c.path("lora", "alpha_pattern"),
				"%q matches %s, and alpha belongs to attention's base parameters alone: match those, as \"**/attn/*_einsum_1/w\" does. openpi applies feed-forward LoRA unscaled", p.text, hit)
		}
	}
}

func (c *conversion) patternHitsNothing(p pattern) {
	var names []string
	for _, n := range slices.Sorted(maps.Keys(c.tree.names)) {
		names = append(names, n, c.tree.names[n].Name)
	}
	hint := ""
	if s := manifest.Suggest(p.text, names); s != "" {
		hint = fmt.Sprintf("; did you mean %q?", s)
	}
	c.fail("glob-hits-nothing", "A pattern hits no parameter", c.path("lora", "alpha_pattern"), "%q matches none of the %d parameters of source %q%s", p.text, len(c.tree.names), c.source().Name, hint)
}

// formula is the scale as plan prints it.
func (a *alphas) formula() string {
	div := "rank"
	if a.rslora {
		div = "sqrt(rank)"
	}
	var parts []string
	for _, p := range a.patterns {
		parts = append(parts, number(p.v)+"/"+div+" on "+p.text)
	}
	if a.all != nil {
		parts = append(parts, number(*a.all)+"/"+div)
	} else if a.expert != nil {
		parts = append(parts, number(a.expert[""])+"/"+div)
		if v, ok := a.expert["_1"]; ok {
			parts = append(parts, number(v)+"/"+div+" in the action expert")
		}
	}
	return strings.Join(parts, ", ")
}

func number(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

func (c *conversion) alphaUnknown() *diag.Diagnostic {
	d := diag.New(diag.Usage, "alpha-unknown", "The LoRA's alpha is not known",
		"openpi scales attention LoRA by alpha/rank, and its checkpoints do not hold alpha. Give it in the source block, as lora { alpha = 16 } (gemma_2b_lora trains with 16, gemma_300m_lora with 32, a variant of your own with what its LoRAConfig says), or name the TrainConfig with config = \"…\"")
	d.Path = c.path()
	return d
}
