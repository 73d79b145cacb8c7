package session

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/receipt"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/sdk"
)

// maxFacts bounds how many findings a record shows.
const maxFacts = 40

// recordSpec continues documents that are to hold a record: with the spec as
// it was understood, and what was found. Paths are shortened to their last
// element, and what changes no byte of the output, such as a memory ceiling, is
// left out, so that the record is the same for all who convert the same thing.
func (b *builder) recordSpec(p *plan.Plan) error {
	for i := range p.Documents {
		d := &p.Documents[i]
		if !d.Record {
			continue
		}
		text, err := b.specText()
		if err != nil {
			return err
		}
		var s strings.Builder
		s.WriteString(d.Content)
		fmt.Fprintf(&s, "\n## Specification\n\n```hcl\n%s```\n", strings.ReplaceAll(b.s.File.Redact(text), "```", "` ` `"))
		s.WriteString("\n## What was found\n\n| what | value | from |\n|---|---|---|\n")
		for _, f := range p.Facts[:min(len(p.Facts), maxFacts)] {
			fmt.Fprintf(&s, "| %s | %s | %s |\n", cell(f.Name), cell(f.Value), cell(f.From))
		}
		if n := len(p.Facts) - maxFacts; n > 0 {
			fmt.Fprintf(&s, "\nand %d more, which `loraconv plan` prints.\n", n)
		}
		d.Content = s.String()
	}
	return nil
}

// cell keeps a text within one cell of a table.
func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "\n", " ", "`", "'").Replace(s)
}

// specText writes the conversion in the spec's language.
func (b *builder) specText() (string, error) {
	f := hclwrite.NewEmptyFile()
	for _, s := range b.request.Sources {
		body := f.Body().AppendNewBlock("source", []string{b.plugin.id.Name, s.Name}).Body()
		at := slices.IndexFunc(b.opened, func(o Opened) bool { return o.Name == s.Name })
		body.SetAttributeValue("path", cty.StringVal(filepath.Base(b.opened[at].Path)))
		if step := b.opened[at].Step; step != nil {
			body.SetAttributeValue("step", cty.NumberIntVal(int64(*step)))
		}
		if err := writeBody(body, b.plugin.about.Source, s.Args); err != nil {
			return "", err
		}
		for _, d := range b.dropsOf(s.Name) {
			drop := body.AppendNewBlock("drop", []string{d.Name}).Body()
			match, err := asValue(d.Match)
			if err != nil {
				return "", err
			}
			drop.SetAttributeValue("match", match)
			drop.SetAttributeValue("reason", cty.StringVal(d.Reason))
		}
		f.Body().AppendNewline()
	}
	body := f.Body().AppendNewBlock("conversion", []string{b.c.Name}).Body()
	for _, a := range [][2]string{{"method", b.c.Method}, {"dtype", b.c.DType}} {
		if a[1] != "" {
			body.SetAttributeValue(a[0], cty.StringVal(a[1]))
		}
	}
	var adapters []string
	for _, s := range b.request.Sources[1:] {
		ref := fmt.Sprintf("source.%s.%s", b.plugin.id.Name, s.Name)
		if s.Weight != 1 {
			ref = fmt.Sprintf("{ source = %s, weight = %v }", ref, s.Weight)
		}
		adapters = append(adapters, ref)
	}
	body.SetAttributeRaw("source", raw(fmt.Sprintf("source.%s.%s", b.plugin.id.Name, b.request.Sources[0].Name)))
	if len(adapters) > 0 {
		body.SetAttributeRaw("adapters", raw("["+strings.Join(adapters, ", ")+"]"))
	}
	if len(b.c.AllowNonFinite) > 0 {
		allowed, err := asValue(b.c.AllowNonFinite)
		if err != nil {
			return "", err
		}
		body.SetAttributeValue("allow_nonfinite", allowed)
	}
	if b.c.FillMissing {
		body.SetAttributeValue("missing_chunks", cty.StringVal("fill"))
	}
	for _, r := range b.request.Rules {
		if err := writeRule(body, r); err != nil {
			return "", err
		}
	}
	out := body.AppendNewBlock("output", []string{b.request.Output.Format}).Body()
	if err := writeBody(out, b.plugin.about.Outputs[b.request.Output.Format], b.request.Output.Args); err != nil {
		return "", err
	}
	text := string(hclwrite.Format(f.Bytes()))
	for _, s := range b.request.Sources {
		if s.Rows != "" {
			text += fmt.Sprintf("\n# rows that source %q adds\n%s\n", s.Name, strings.TrimSpace(s.Rows))
		}
	}
	return text, nil
}

// dropsOf are the drops that the spec has for a source.
func (b *builder) dropsOf(source string) []spec.Drop {
	if b.c.Source.Name == source {
		return b.c.Source.Drops
	}
	for _, a := range b.c.Adapters {
		if a.Source.Name == source {
			return a.Source.Drops
		}
	}
	return nil
}

func raw(expression string) hclwrite.Tokens {
	return hclwrite.TokensForIdentifier(expression)
}

// writeBody writes decoded arguments in the order of their schema.
func writeBody(body *hclwrite.Body, schema sdk.Schema, args map[string]any) error {
	for _, a := range schema.Attributes {
		v, ok := args[a.Name]
		if !ok {
			continue
		}
		if s, isText := v.(string); isText && a.Path && !slices.Contains(a.Enum, s) {
			v = filepath.Base(s)
		}
		value, err := asValue(v)
		if err != nil {
			return fmt.Errorf("argument %q: %w", a.Name, err)
		}
		body.SetAttributeValue(a.Name, value)
	}
	for _, k := range schema.Blocks {
		inner, ok := args[k.Name].(map[string]any)
		if !ok || k.Rows {
			continue
		}
		if len(k.Labels) == 0 {
			if err := writeBody(body.AppendNewBlock(k.Name, nil).Body(), k.Schema, inner); err != nil {
				return err
			}
		}
	}
	return nil
}

func writeRule(body *hclwrite.Body, r sdk.TargetRule) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	var args map[string]any
	if err := json.Unmarshal(b, &args); err != nil {
		return err
	}
	inner := body.AppendNewBlock("rule", []string{r.Name}).Body()
	for _, name := range []string{"match", "match_regex", "dtype", "scale", "merge"} {
		if v, ok := args[name]; ok {
			value, err := asValue(v)
			if err != nil {
				return err
			}
			inner.SetAttributeValue(name, value)
		}
	}
	return nil
}

func asValue(v any) (cty.Value, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return cty.NilVal, err
	}
	t, err := ctyjson.ImpliedType(b)
	if err != nil {
		return cty.NilVal, err
	}
	return ctyjson.Unmarshal(b, t)
}

// documents writes what the plugin wrote; records come last, since they list
// the digests of the other files.
func (r *run) documents() error {
	for _, record := range []bool{false, true} {
		for _, d := range r.p.Plan.Documents {
			if d.Record != record {
				continue
			}
			content := d.Content
			if record {
				content += r.digestsText()
			}
			if err := r.write(d.Path, []byte(content)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) digestsText() string {
	var s strings.Builder
	fmt.Fprintf(&s, "\n## Versions and digests\n\nloraconv %s, plugin %s %s; plan `sha256:%s`.\n", r.s.Version, r.p.Plugin.Name, r.p.Plugin.Version, r.p.Digest)
	s.WriteString("\n| source | fingerprint of names, shapes and metadata |\n|---|---|\n")
	for _, o := range r.p.Sources {
		fmt.Fprintf(&s, "| %s | `%s` |\n", cell(o.Name), o.Fingerprint)
	}
	s.WriteString("\n| file | bytes | SHA-256 |\n|---|---|---|\n")
	files := slices.Clone(r.rec.manifest.Files)
	slices.SortFunc(files, func(a, b receipt.File) int { return strings.Compare(a.Name, b.Name) })
	for _, f := range files {
		fmt.Fprintf(&s, "| %s | %d | `%s` |\n", cell(f.Name), f.Bytes, f.SHA256)
	}
	return s.String()
}
