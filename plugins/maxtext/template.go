package maxtext

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/sdk/rules"
)

// copied are the files of a template that are copied byte for byte.
var copied = []string{
	"config.json", "generation_config.json", "tokenizer*", "chat_template*", "preprocessor_config.json", "processor_config.json",
	"special_tokens_map.json", "merges.txt", "vocab*",
}

func (c *conversion) files() []plan.File {
	if c.template() == nil {
		return nil
	}
	var out []plan.File
	for _, name := range c.template().Files {
		for _, p := range copied {
			if g, err := glob.Compile(p, '/'); err == nil && g.Match(name) {
				out = append(out, plan.File{From: "template", Path: name, To: name})
				break
			}
		}
	}
	return out
}

// languageModel are the places in config.json, innermost first, where a model
// may keep what is said of its language model.
var languageModel = [][]string{{"thinker_config", "text_config"}, {"text_config"}, {}}

// configNumber looks a whole number of the language model up in config.json.
func (c *conversion) configNumber(keys ...string) (int, string, bool) {
	if c.template() == nil {
		return 0, "", false
	}
	for _, path := range languageModel {
		at := c.template().Config
		for _, p := range path {
			at, _ = at[p].(map[string]any)
		}
		for _, k := range keys {
			if v, ok := at[k].(float64); ok && v == float64(int(v)) {
				return int(v), k, true
			}
		}
	}
	return 0, "", false
}

// dimensions are letters, by what they count, and the arguments of config.json
// that must agree.
var dimensions = map[string][]string{
	"width":     {"hidden_size"},
	"heads":     {"num_attention_heads"},
	"kv heads":  {"num_key_value_heads"},
	"head dim":  {"head_dim"},
	"mlp dim":   {"intermediate_size"},
	"experts":   {"num_experts", "num_local_experts", "n_routed_experts"},
	"kv rank":   {"kv_lora_rank"},
	"moe width": {"moe_intermediate_size"},

	"shared mlp dim": {"shared_expert_intermediate_size"},
	"value heads":    {"linear_num_value_heads"},
	"value head dim": {"v_head_dim", "linear_value_head_dim"},
}

// checkConfig compares the sizes that the shapes settled with config.json.
func (c *conversion) checkConfig(res *rules.Result) {
	sizes := map[string]int{}
	for _, f := range res.Facts {
		if n, err := strconv.Atoi(f.Value); err == nil {
			sizes[f.Name] = n
		}
	}
	if n, ok := sizes["rotary pairs"]; ok {
		sizes["head dim"] = 2 * n
	}
	for _, what := range slices.Sorted(maps.Keys(dimensions)) {
		keys := dimensions[what]
		have, ok := sizes[what]
		if _, apart := sizes["moe width"]; what == "mlp dim" && sizes["experts"] > 0 && !apart && !strings.HasPrefix(c.family.name, "deepseek") {
			if _, _, moe := c.configNumber("moe_intermediate_size"); moe {
				keys = []string{"moe_intermediate_size"}
			}
		}
		if want, key, said := c.configNumber(keys...); ok && said && have != want {
			c.fail(diag.Keys, "template-contradicts", "The template is of another model", c.output("template"), "the checkpoint has %s %d, the template's config.json has %s %d", what, have, key, want)
		}
	}
	if want, _, ok := c.configNumber("num_hidden_layers"); ok {
		if have := layersOf(res.Tensors); have != want && !(c.alone && have < want) {
			c.fail(diag.Keys, "template-contradicts", "The template is of another model", c.output("template"), "the checkpoint has %d layers, the template's config.json has num_hidden_layers %d", have, want)
		}
	}
}

// layerNumber matches the layers of a language model, not those of a tower.
var layerNumber = regexp.MustCompile(`(?:^|\.)(?:model|language_model)\.layers\.([0-9]+)\.`)

// layersOf is how many layers there are up to the last that is made.
func layersOf(ts []plan.Tensor) int {
	most := 0
	for _, t := range ts {
		if m := layerNumber.FindStringSubmatch(t.Name); m != nil {
			n, _ := strconv.Atoi(m[1])
			most = max(most, n+1)
		}
	}
	return most
}

// checkTemplate compares the names that are written with the template's, and
// the shapes where it has them.
func (c *conversion) checkTemplate(res *rules.Result) {
	tp := c.template()
	if tp == nil {
		return
	}
	c.checkConfig(res)
	c.checkLayerTypes(res.Tensors)
	if len(tp.Names) == 0 {
		return
	}
	absent := c.absentGlobs()
	made := map[string]bool{}
	for _, t := range res.Tensors {
		made[t.Name] = true
		if s, ok := tp.Shapes[t.Name]; ok && !slices.Equal(s, t.Shape) {
			c.fail(diag.Keys, "template-contradicts", "The template has another shape", c.output("template"), "%s would be %v, the template has %v", t.Name, t.Shape, s)
		}
	}
	listed := map[string]bool{}
	var lacking []string
	hits := make([]int, len(absent))
	for _, n := range tp.Names {
		listed[n] = true
		gone := false
		for i, g := range absent {
			if g.Match(n) {
				hits[i]++
				gone = true
			}
		}
		if !made[n] && !gone && !c.alone {
			lacking = append(lacking, n)
		}
	}
	for i, g := range absent {
		if hits[i] == 0 {
			c.resp.Diagnostics.Warnf("glob-hits-nothing", "A pattern hits no tensor", "absent = [%q] matches none of the template's %d tensors", g.String(), len(tp.Names)).Path = c.output("absent")
		}
	}
	for i, n := range lacking {
		if i == maxNamed {
			c.fail(diag.Keys, "template-contradicts", "The template has tensors that nothing makes", c.output("template"), "and %d more", len(lacking)-maxNamed)
			break
		}
		c.fail(diag.Keys, "template-contradicts", "The template has a tensor that nothing makes", c.output("template"), "%s: the checkpoint does not have it; if that is meant, say absent = [%q]", n, n).Tensor = n
	}
	more := 0
	for _, t := range res.Tensors {
		if listed[t.Name] {
			continue
		}
		if more++; more <= maxNamed {
			hint := ""
			if s := manifest.Suggest(t.Name, lacking); s != "" {
				hint = fmt.Sprintf("; it has %q", s)
			}
			c.fail(diag.Keys, "template-contradicts", "A tensor is not in the template", c.output("template"), "%s would be written, and the template does not have it%s", t.Name, hint).Tensor = t.Name
		}
	}
}

// maxNamed bounds how many tensors are named on either side.
const maxNamed = 20

func (c *conversion) absentGlobs() []*glob.Pattern {
	var out []*glob.Pattern
	list, _ := c.req.Output.Args["absent"].([]any)
	for _, x := range list {
		s, _ := x.(string)
		g, err := glob.Compile(s, '.')
		if err != nil {
			c.fail(diag.Usage, "bad-glob", "A pattern cannot be read", c.output("absent"), "%v", err)
			continue
		}
		out = append(out, g)
	}
	return out
}

// spelling is what stands before "embed_tokens" in the target's names.
func (c *conversion) spelling() string {
	if len(c.family.spellings) == 0 {
		return "model"
	}
	if tp := c.template(); tp != nil {
		for _, s := range c.family.spellings {
			if slices.Contains(tp.Names, s+".embed_tokens.weight") {
				return s
			}
		}
	}
	return c.family.spellings[0]
}

// shardBytes reads max_shard_size: a number of bytes with a decimal or a
// binary unit.
func shardBytes(s string) (int64, error) {
	units := []struct {
		name string
		n    float64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}}
	for _, u := range units {
		if digits, ok := strings.CutSuffix(s, u.name); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
			if err != nil || !(f*u.n >= 1 && f*u.n < 1<<60) {
				break
			}
			return int64(f * u.n), nil
		}
	}
	return 0, fmt.Errorf("found %q, wanted a size such as \"5GB\" or \"2GiB\"", s)
}
