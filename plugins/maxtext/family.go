package maxtext

import (
	"embed"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/loraconv/loraconv/core/rule"
)

//go:embed families/*.hcl families/shared/*.hcl
var tables embed.FS

// family is one table and the models that it is for.
type family struct {
	name    string   // of the file
	models  []string // prefixes of MaxText's model_name
	configs []string // model_type in Hugging Face's config.json
	// spellings are what may stand before "embed_tokens": a template says which.
	spellings []string
}

// families lists the tables. The longest prefix of a model's name decides.
var families = []family{
	{"llama", []string{"llama2-", "llama3-", "llama3.1-", "llama3.3-"}, []string{"llama"}, nil},
	{"mistral", []string{"mistral-"}, []string{"mistral"}, nil},
	{"mixtral", []string{"mixtral-"}, []string{"mixtral"}, nil},
	{"qwen2", []string{"qwen2.5-"}, []string{"qwen2"}, nil},
	{"qwen3", []string{"qwen3-"}, []string{"qwen3"}, nil},
	{"qwen3_moe", []string{"qwen3-30b-a3b", "qwen3-235b-a22b", "qwen3-480b-a35b", "qwen3-coder-480b-a35b"}, []string{"qwen3_moe"}, nil},
	{"qwen3_vl", []string{"qwen3-vl-"}, []string{"qwen3_vl"}, []string{"model.language_model"}},
	{"qwen3_vl_moe", []string{"qwen3-vl-30b-a3b"}, []string{"qwen3_vl_moe"}, []string{"model.language_model"}},
	{"qwen3_omni", []string{"qwen3-omni-"}, []string{"qwen3_omni_moe"}, []string{"thinker.model"}},
	{"qwen3_next", []string{"qwen3-next-"}, []string{"qwen3_next"}, nil},
	{"qwen3_5", []string{"qwen3.5-"}, []string{"qwen3_5_moe", "qwen3_5_moe_text"}, []string{"model.language_model", "model"}},
	{"gemma2", []string{"gemma2-"}, []string{"gemma2"}, nil},
	{"gemma3", []string{"gemma3-"}, []string{"gemma3", "gemma3_text"}, []string{"model.language_model", "language_model.model", "model"}},
	{"gemma4", []string{"gemma4-"}, []string{"gemma4", "gemma4_text"}, []string{"model.language_model", "model"}},
	{"gpt_oss", []string{"gpt-oss-"}, []string{"gpt_oss"}, nil},
	{"deepseek2", []string{"deepseek2-"}, []string{"deepseek_v2"}, nil},
	{"deepseek3", []string{"deepseek3-"}, []string{"deepseek_v3"}, nil},
	{"deepseek4", []string{"deepseek4-"}, []string{"deepseek_v4"}, nil},
	{"deepseek3_2", []string{"deepseek3.2-"}, []string{"deepseek_v32"}, nil},
	{"olmo3", []string{"olmo3-"}, []string{"olmo3"}, nil},
}

// refused says why a family has no table, by prefix of the model's name.
var refused = map[string]string{
	"qwen3-custom": "it is no published model, so no target is known",
	"gemma-":       "MaxText's exporter has no table for Gemma 1",
	"llama4-":      "MaxText's exporter has no table for Llama 4",
	"gpt3-":        "MaxText's exporter has no table for GPT-3",
	"default":      "it is no published model, so no target is known",
}

// familyOf finds the table of a model's name, or says why there is none.
func familyOf(model string) (*family, error) {
	var best *family
	longest := ""
	for i := range families {
		for _, p := range families[i].models {
			if strings.HasPrefix(model, p) && len(p) > len(longest) {
				best, longest = &families[i], p
			}
		}
	}
	for p, why := range refused {
		if strings.HasPrefix(model, p) && len(p) > len(longest) {
			return nil, fmt.Errorf("%q cannot be converted: %s", model, why)
		}
	}
	if best == nil {
		return nil, fmt.Errorf("%q is no model_name that a table is known for; there are tables for %s", model, strings.Join(modelNames(), ", "))
	}
	return best, nil
}

// familyOfConfig finds the table of a config.json's model_type, or nil.
func familyOfConfig(modelType string) *family {
	for i := range families {
		if slices.Contains(families[i].configs, modelType) {
			return &families[i]
		}
	}
	return nil
}

func modelNames() []string {
	var out []string
	for _, f := range families {
		for _, p := range f.models {
			if strings.HasSuffix(p, "-") {
				p += "…"
			}
			out = append(out, p)
		}
	}
	slices.Sort(out)
	return out
}

// rulesTexts returns the whole tables, by family.
func rulesTexts() (map[string]string, error) {
	out := map[string]string{}
	for i := range families {
		b, err := families[i].text()
		if err != nil {
			return nil, err
		}
		out[families[i].name] = b
	}
	return out, nil
}

// text is the family's table with what it includes.
func (f *family) text() (string, error) {
	return rule.Resolve(f.name, func(name string) (string, error) {
		b, err := tables.ReadFile("families/" + name + ".hcl")
		return string(b), err
	})
}

var parsed sync.Map // file name -> *rule.Table

// table parses the family's rows, once.
func (f *family) table() (*rule.Table, error) {
	if t, ok := parsed.Load(f.name); ok {
		return t.(*rule.Table), nil
	}
	text, err := f.text()
	if err != nil {
		return nil, err
	}
	t, err := rule.Parse(text, f.name+".hcl")
	if err != nil {
		return nil, err
	}
	parsed.Store(f.name, t)
	return t, nil
}
