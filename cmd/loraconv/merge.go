package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/spf13/cobra"
	"github.com/zclconf/go-cty/cty"
)

// mergeFlags are what merge writes into the spec that it makes.
type mergeFlags struct {
	alpha, dtype, step             string
	adapter, model, config, rslora string
	template                       string
}

// quick is how a plugin's checkpoints are merged without a spec: the format
// that is written, and the flags that mean something to the plugin.
type quick struct {
	format string
	flags  []string
}

var quickPaths = map[string]quick{
	"openpi":  {"pytorch", []string{"config", "rslora"}},
	"maxtext": {"huggingface", []string{"adapter", "model", "template"}},
}

func (a *app) mergeCommand() *cobra.Command {
	var (
		m         mergeFlags
		r         runFlags
		printSpec bool
		asJSON    bool
	)
	c := &cobra.Command{
		Use:   "merge PLUGIN CHECKPOINT OUTPUT",
		Short: "Merge a LoRA without writing a spec first; -print-spec prints the one it makes",
		Long: `Makes a spec of one conversion, with method = "merge", and runs it. Of openpi,
the checkpoint holds base and LoRA, and PyTorch weights are written. Of maxtext
it is the base, -adapter names the checkpoint of the LoRA, and a Hugging Face
model is written. With -print-spec the spec is printed, and nothing is run: keep
it, and run takes it from the same directory.`,
		Example: "  loraconv merge openpi checkpoints/pi0/exp/29999 out/robot -alpha 16\n  loraconv merge maxtext base out/model -adapter lora/500 -template llama3.1-8b\n  loraconv merge openpi 29999 out/robot -alpha 16 -print-spec > robot.hcl",
		Args:    cobra.ExactArgs(3),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return slices.Sorted(maps.Keys(quickPaths)), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(c *cobra.Command, args []string) error {
			text, err := m.spec(c, args[0], args[1], args[2])
			if err != nil {
				return err
			}
			if printSpec {
				_, err := a.stdout.Write(text)
				return err
			}
			o, err := (&specFlags{}).options()
			if err != nil {
				return err
			}
			if err := r.into(&o); err != nil {
				return err
			}
			o.Text = text
			return a.run(c.Context(), o, "merge.hcl", asJSON)
		},
	}
	f := c.Flags()
	f.StringVar(&m.alpha, "alpha", "", "the LoRA's alpha, a `number`; no openpi checkpoint holds it")
	f.StringVar(&m.dtype, "dtype", "", "element `type`: float32, bfloat16, float16, mixed or source")
	f.StringVar(&m.step, "step", "", "`number` of the step of a run; default the latest finished one")
	f.StringVar(&m.config, "config", "", "openpi: `name` of the TrainConfig, which gives alpha")
	f.StringVar(&m.rslora, "rslora", "", "openpi: `true` if the scale is alpha/sqrt(rank)")
	f.StringVar(&m.adapter, "adapter", "", "maxtext: `path` of the checkpoint of the LoRA")
	f.StringVar(&m.model, "model", "", "maxtext: model_name, such as llama3.1-8b")
	f.StringVar(&m.template, "template", "", "maxtext: local copy of the base model's repository, or none")
	f.BoolVar(&printSpec, "print-spec", false, "print the spec, and run nothing")
	f.BoolVar(&asJSON, "json", false, "print one JSON object a line")
	r.register(c)
	completes(c, "dtype", []string{"float32", "bfloat16", "float16", "mixed", "source"})
	return c
}

// spec makes the spec.
func (m *mergeFlags) spec(c *cobra.Command, plugin, checkpoint, output string) ([]byte, error) {
	q, ok := quickPaths[plugin]
	if !ok {
		return nil, usageError{fmt.Errorf("there is no quick path for plugin %q, only for %s: write a spec", plugin, strings.Join(slices.Sorted(maps.Keys(quickPaths)), ", "))}
	}
	for name, other := range quickPaths {
		for _, f := range other.flags {
			if c.Flags().Changed(f) && !slices.Contains(q.flags, f) {
				return nil, usageError{fmt.Errorf("-%s is for %s, not for %s", f, name, plugin)}
			}
		}
	}
	file := hclwrite.NewEmptyFile()
	w := &specWriter{}
	base := w.source(file.Body(), plugin, "base", checkpoint)
	w.word(base, "config", m.config)
	w.word(base, "model", m.model)
	w.parsed(base, "step", m.step, cty.ParseNumberVal)
	tuned := base
	if m.adapter != "" {
		file.Body().AppendNewline()
		tuned = w.source(file.Body(), plugin, "lora", m.adapter)
	}
	if m.alpha != "" || m.rslora != "" {
		lora := tuned.AppendNewBlock("lora", nil).Body()
		w.parsed(lora, "alpha", m.alpha, cty.ParseNumberVal)
		w.parsed(lora, "rslora", m.rslora, parseBool)
	}
	file.Body().AppendNewline()
	conv := file.Body().AppendNewBlock("conversion", []string{"merge"}).Body()
	conv.SetAttributeValue("method", cty.StringVal("merge"))
	conv.SetAttributeTraversal("source", reference(plugin, "base"))
	if m.adapter != "" {
		conv.SetAttributeRaw("adapters", hclwrite.TokensForTuple([]hclwrite.Tokens{hclwrite.TokensForTraversal(reference(plugin, "lora"))}))
	}
	w.word(conv, "dtype", m.dtype)
	conv.AppendNewline()
	out := conv.AppendNewBlock("output", []string{q.format}).Body()
	out.SetAttributeValue("path", cty.StringVal(output))
	w.word(out, "template", m.template)
	if w.err != nil {
		return nil, usageError{w.err}
	}
	return hclwrite.Format(file.Bytes()), nil
}

// specWriter writes arguments that were given; the first fault sticks.
type specWriter struct{ err error }

func (w *specWriter) source(b *hclwrite.Body, plugin, name, path string) *hclwrite.Body {
	s := b.AppendNewBlock("source", []string{plugin, name}).Body()
	s.SetAttributeValue("path", cty.StringVal(path))
	return s
}

func (w *specWriter) word(b *hclwrite.Body, name, value string) {
	if value != "" {
		b.SetAttributeValue(name, cty.StringVal(value))
	}
}

func (w *specWriter) parsed(b *hclwrite.Body, name, value string, parse func(string) (cty.Value, error)) {
	if value == "" {
		return
	}
	v, err := parse(value)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("-%s %q: %w", name, value, err)
	}
	if err == nil {
		b.SetAttributeValue(name, v)
	}
}

func parseBool(s string) (cty.Value, error) {
	switch s {
	case "true":
		return cty.True, nil
	case "false":
		return cty.False, nil
	}
	return cty.NilVal, fmt.Errorf("wanted true or false")
}

func reference(plugin, name string) hcl.Traversal {
	return hcl.Traversal{hcl.TraverseRoot{Name: "source"}, hcl.TraverseAttr{Name: plugin}, hcl.TraverseAttr{Name: name}}
}
