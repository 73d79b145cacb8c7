package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/plan"
)

// Plan shows a checked plan to people: what was detected and from what, what is
// dropped and why, one formula for each output tensor, and what running it
// needs.
func (t *Text) Plan(p *session.Prepared, needs engine.Report) error {
	t.live.Clear()
	var b strings.Builder
	fmt.Fprintf(&b, "conversion %q -> %s\n", p.Name, p.Output)
	plugin := p.Plugin.Name + " " + p.Plugin.Version
	if !p.Plugin.Bundled {
		plugin += " (not bundled, SHA-256 " + p.Plugin.SHA256 + ")"
	}
	fmt.Fprintf(&b, "  plugin   %s\n", plugin)
	for _, s := range p.Sources {
		fmt.Fprintf(&b, "  source   %s: %s, tree %q: %d parameters, %s\n", s.Name, s.Root, s.Tree, len(s.Manifest.Tensors), Bytes(s.Manifest.Bytes()))
		if len(s.Layout) > 0 {
			fmt.Fprintf(&b, "           %s\n", strings.Join(s.Layout, ", "))
		}
	}
	fmt.Fprintf(&b, "\nDetected\n")
	for _, f := range p.Plan.Facts {
		fmt.Fprintf(&b, "  %-28s %-12s from %s\n", f.Name, f.Value, f.From)
	}
	fmt.Fprintf(&b, "\nDropped\n")
	for _, d := range p.Plan.Drops {
		fmt.Fprintf(&b, "  %s: %s\n", d.Name, d.Reason)
	}
	if len(p.Plan.Drops) == 0 {
		fmt.Fprintf(&b, "  nothing\n")
	}
	fmt.Fprintf(&b, "\nFiles\n  %s\n", p.Plan.Output.File)
	for _, d := range p.Plan.Documents {
		fmt.Fprintf(&b, "  %s\n", d.Path)
	}
	for _, f := range p.Plan.Files {
		fmt.Fprintf(&b, "  %s (copied)\n", f.To)
	}
	fmt.Fprintf(&b, "\nTensors\n")
	var bytes int64
	merged := 0
	for i := range p.Plan.Tensors {
		x := &p.Plan.Tensors[i]
		bytes += int64(x.Shape.Elements()) * int64(x.DType.Size())
		if plan.Merges(x.Expr) {
			merged++
		}
		fmt.Fprintf(&b, "  %s %s %v\n    = %s\n", x.Name, x.DType, x.Shape, plan.String(x.Expr))
	}
	writeNeeds(&b, needs)
	fmt.Fprintf(&b, "\n%d tensors, %d of them merged with LoRA, %s; every source element is accounted for\nplan %s\n", len(p.Plan.Tensors), merged, Bytes(bytes), p.Digest)
	_, err := io.WriteString(t.stdout, b.String())
	return err
}

// writeNeeds says how the plan would be run within the budget.
func writeNeeds(b *strings.Builder, r engine.Report) {
	fmt.Fprintf(b, "\nNeeds\n  decodes %s, writes %s, in %s with %s\n", Bytes(r.Read), Bytes(r.Written), Count(r.Groups, "group"), Count(r.Workers, "worker"))
	where := "in memory"
	if r.Scratch {
		where = "in a scratch file beside the output"
	}
	fmt.Fprintf(b, "  adapters %s %s; buffers of at most %s\n", Bytes(r.Adapters), where, Bytes(r.Buffers))
	if r.ShortRuns > 0 {
		fmt.Fprintf(b, "  %s in runs shorter than 4 KiB\n", Count(r.ShortRuns, "group")+" written")
	}
	for _, n := range r.Notes {
		fmt.Fprintf(b, "  %s\n", n)
	}
}
