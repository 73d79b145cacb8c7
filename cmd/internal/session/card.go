package session

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/receipt"
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
