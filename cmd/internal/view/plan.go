package view

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/plan"
)

// Plan shows a checked plan to people, in 80 columns where names allow it: what
// was detected and from what, what is dropped and why, the formula of each
// output tensor, those of like layers together, and what running it needs.
func (t *Text) Plan(p *session.Prepared, needs engine.Report) error {
	t.live.Clear()
	var b strings.Builder
	fmt.Fprintf(&b, "conversion %s\n", t.show(strconv.Quote(p.Name)))
	b.WriteString(wrap("  output   ", t.show(Path(p.Output))))
	plugin := p.Plugin.Name + " " + p.Plugin.Version
	switch {
	case p.Plugin.Lock != "":
		plugin += " (from " + p.Plugin.Source + ", pinned, SHA-256 " + p.Plugin.SHA256 + ")"
	case !p.Plugin.Bundled:
		plugin += " (not bundled, SHA-256 " + p.Plugin.SHA256 + ")"
	}
	b.WriteString(wrap("  plugin   ", t.show(plugin)))
	for _, s := range p.Sources {
		b.WriteString(wrap("  source   ", t.show(s.Name+": "+Path(s.Root))))
		what := fmt.Sprintf("tree %q: %s, %s", s.Tree, Count(len(s.Manifest.Tensors), "parameter"), Bytes(s.Manifest.Bytes()))
		b.WriteString(wrap("           ", t.show(strings.Join(append([]string{what}, s.Layout...), ", "))))
	}
	fmt.Fprintf(&b, "\nDetected\n")
	for _, f := range p.Plan.Facts {
		t.writeFact(&b, f)
	}
	fmt.Fprintf(&b, "\nDropped\n")
	for _, d := range p.Plan.Drops {
		b.WriteString(wrap("  ", t.show(fmt.Sprintf("%s: %s", d.Name, d.Reason))))
	}
	if len(p.Plan.Drops) == 0 {
		fmt.Fprintf(&b, "  nothing\n")
	}
	fmt.Fprintf(&b, "\nFiles\n  %s\n", t.show(p.Plan.Output.File))
	for _, d := range p.Plan.Documents {
		fmt.Fprintf(&b, "  %s\n", t.show(d.Path))
	}
	for _, f := range p.Plan.Files {
		fmt.Fprintf(&b, "  %s (copied)\n", t.show(f.To))
	}
	if len(p.Checks)+len(p.Expects) > 0 {
		fmt.Fprintf(&b, "\nJudged before publishing\n")
		for _, c := range p.Checks {
			fmt.Fprintf(&b, "  check %q\n", c.Kind)
		}
		for _, e := range p.Expects {
			b.WriteString(wrap("  ", t.show(fmt.Sprintf("expect %q: %s", e.Name, e.Condition.Text))))
		}
	}
	t.writeFormulas(&b, p.Plan)
	writeNeeds(&b, needs)
	writeTotals(&b, p)
	_, err := io.WriteString(t.stdout, b.String())
	return err
}

// writeFact prints a fact on one line, or what it is from below it.
func (t *Text) writeFact(b *strings.Builder, f plan.Fact) {
	fact, from := t.show(fmt.Sprintf("  %-28s %s", f.Name, f.Value)), t.show("from "+f.From)
	if line := fact + ", " + from; utf8.RuneCountInString(line) <= columns {
		b.WriteString(line + "\n")
		return
	}
	b.WriteString(fact + "\n" + wrap("      ", from))
}

func writeTotals(b *strings.Builder, p *session.Prepared) {
	var bytes int64
	merged := 0
	for i := range p.Plan.Tensors {
		x := &p.Plan.Tensors[i]
		bytes += int64(x.Shape.Elements()) * int64(x.DType.Size())
		if plan.Merges(x.Expr) {
			merged++
		}
	}
	fmt.Fprintf(b, "\n%s, %d of them merged with LoRA, %s\nevery source element is accounted for\nplan %s\n", Count(len(p.Plan.Tensors), "tensor"), merged, Bytes(bytes), p.Digest)
}

// writeNeeds says how the plan would be run within the budget.
func writeNeeds(b *strings.Builder, r engine.Report) {
	fmt.Fprintf(b, "\nNeeds\n  decodes %s, writes %s, in %s with %s\n", Bytes(r.Read), Bytes(r.Written), Count(r.Groups, "group"), Count(r.Workers, "worker"))
	where := "in memory"
	if r.Scratch {
		where = "in a scratch file beside the output"
	}
	b.WriteString(wrap("  ", fmt.Sprintf("adapters %s %s; buffers of at most %s", Bytes(r.Adapters), where, Bytes(r.Buffers))))
	if r.ShortRuns > 0 {
		fmt.Fprintf(b, "  %s written in runs shorter than 4 KiB\n", Count(r.ShortRuns, "group"))
	}
	for _, n := range r.Notes {
		b.WriteString(wrap("  ", Printable(n)))
	}
}
