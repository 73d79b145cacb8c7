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

	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/sdk"
)

// specText writes the conversion in the spec's language.
func (b *builder) specText() (string, error) {
	f := hclwrite.NewEmptyFile()
	for _, s := range b.request.Sources {
		if err := b.writeSource(f.Body(), s); err != nil {
			return "", err
		}
		f.Body().AppendNewline()
	}
	if err := b.writeConversion(f.Body()); err != nil {
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

func (b *builder) writeSource(file *hclwrite.Body, s sdk.Source) error {
	body := file.AppendNewBlock("source", []string{b.plugin.id.Name, s.Name}).Body()
	at := slices.IndexFunc(b.opened, func(o Opened) bool { return o.Name == s.Name })
	body.SetAttributeValue("path", cty.StringVal(filepath.Base(b.opened[at].Path)))
	if step := b.opened[at].Step; step != nil {
		body.SetAttributeValue("step", cty.NumberIntVal(int64(*step)))
	}
	if err := writeBody(body, b.plugin.about.Source, s.Args); err != nil {
		return err
	}
	for _, d := range b.dropsOf(s.Name) {
		drop := body.AppendNewBlock("drop", []string{d.Name}).Body()
		match, err := asValue(d.Match)
		if err != nil {
			return err
		}
		drop.SetAttributeValue("match", match)
		drop.SetAttributeValue("reason", cty.StringVal(d.Reason))
	}
	return nil
}

func (b *builder) writeConversion(file *hclwrite.Body) error {
	body := file.AppendNewBlock("conversion", []string{b.c.Name}).Body()
	for _, a := range [][2]string{{"method", b.c.Method}, {"dtype", b.c.DType}} {
		if a[1] != "" {
			body.SetAttributeValue(a[0], cty.StringVal(a[1]))
		}
	}
	base, adapters := b.request.Sources[0], b.request.Sources[1:]
	body.SetAttributeRaw("source", raw(b.address(base)))
	if len(adapters) > 0 {
		var refs []string
		for _, s := range adapters {
			ref := b.address(s)
			if s.Weight != 1 {
				ref = fmt.Sprintf("{ source = %s, weight = %v }", ref, s.Weight)
			}
			refs = append(refs, ref)
		}
		body.SetAttributeRaw("adapters", raw("["+strings.Join(refs, ", ")+"]"))
	}
	if len(b.c.AllowNonFinite) > 0 {
		allowed, err := asValue(b.c.AllowNonFinite)
		if err != nil {
			return err
		}
		body.SetAttributeValue("allow_nonfinite", allowed)
	}
	if b.c.FillMissing {
		body.SetAttributeValue("missing_chunks", cty.StringVal("fill"))
	}
	for _, r := range b.request.Rules {
		if err := writeRule(body, r); err != nil {
			return err
		}
	}
	out := body.AppendNewBlock("output", []string{b.request.Output.Format}).Body()
	return writeBody(out, b.plugin.about.Outputs[b.request.Output.Format], b.request.Output.Args)
}

// address is how the spec refers to a source.
func (b *builder) address(s sdk.Source) string {
	return fmt.Sprintf("source.%s.%s", b.plugin.id.Name, s.Name)
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
