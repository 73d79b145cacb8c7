package maxtext

import (
	"fmt"
	"strings"

	"github.com/loraconv/loraconv/core/plan"
)

// card is the beginning of a model card, in the form of Hugging Face's hub: the
// host goes on with the spec, what was found, versions and digests.
func (c *conversion) card() []plan.Document {
	wanted, said := c.req.Output.Args["card"].(bool)
	if !said {
		wanted = c.template() != nil
	}
	if !wanted {
		return nil
	}
	tags := []string{"loraconv", "maxtext"}
	what := "the base weights of a MaxText checkpoint, as they are"
	if c.method == "merge" {
		tags = append(tags, "lora")
		var scales []string
		for i := range c.req.Sources {
			if a, ok := c.adapters[c.req.Sources[i].Name]; ok {
				scales = append(scales, fmt.Sprintf("%s (alpha/rank %s)", c.req.Sources[i].Name, a.scale(c.layouts[i])))
			}
		}
		what = "a MaxText checkpoint with LoRA merged into its weights: " + strings.Join(scales, ", ")
	}
	var s strings.Builder
	s.WriteString("---\nlibrary_name: transformers\ntags:\n")
	for _, t := range tags {
		fmt.Fprintf(&s, "- %s\n", t)
	}
	fmt.Fprintf(&s, "---\n\n# %s\n\nThis is %s. loraconv wrote it; loraconv.manifest.json beside this file has the digest of every tensor.\n", c.req.Conversion, what)
	return []plan.Document{{Path: "README.md", Content: s.String(), Record: true}}
}
