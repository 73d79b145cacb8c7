package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/plan"
)

// writePlan prints a plan for people: what was detected and from what, what is
// dropped and why, and one line for each output tensor.
func writePlan(w io.Writer, p *session.Prepared, needs engine.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "conversion %q -> %s\n", p.Name, p.Output)
	plugin := p.Plugin.Name + " " + p.Plugin.Version
	if !p.Plugin.Bundled {
		plugin += " (not bundled, SHA-256 " + p.Plugin.SHA256 + ")"
	}
	fmt.Fprintf(&b, "  plugin   %s\n", plugin)
	for _, s := range p.Sources {
		fmt.Fprintf(&b, "  source   %s: %s, tree %q: %d parameters, %s\n", s.Name, s.Root, s.Tree, len(s.Manifest.Tensors), view.Bytes(s.Manifest.Bytes()))
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
		t := &p.Plan.Tensors[i]
		bytes += int64(t.Shape.Elements()) * int64(t.DType.Size())
		if plan.Merges(t.Expr) {
			merged++
		}
		fmt.Fprintf(&b, "  %s %s %v\n    = %s\n", t.Name, t.DType, t.Shape, plan.String(t.Expr))
	}
	writeNeeds(&b, needs)
	fmt.Fprintf(&b, "\n%d tensors, %d of them merged with LoRA, %s; every source element is accounted for\nplan %s\n", len(p.Plan.Tensors), merged, view.Bytes(bytes), p.Digest)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeNeeds says how the plan would be run within the budget.
func writeNeeds(b *strings.Builder, r engine.Report) {
	fmt.Fprintf(b, "\nNeeds\n  decodes %s, writes %s, in %s with %s\n", view.Bytes(r.Read), view.Bytes(r.Written), view.Count(r.Groups, "group"), view.Count(r.Workers, "worker"))
	where := "in memory"
	if r.Scratch {
		where = "in a scratch file beside the output"
	}
	fmt.Fprintf(b, "  adapters %s %s; buffers of at most %s\n", view.Bytes(r.Adapters), where, view.Bytes(r.Buffers))
	if r.ShortRuns > 0 {
		fmt.Fprintf(b, "  %s in runs shorter than 4 KiB\n", view.Count(r.ShortRuns, "group")+" written")
	}
	for _, n := range r.Notes {
		fmt.Fprintf(b, "  %s\n", n)
	}
}

// needsJSON is the same for programs.
func needsJSON(r engine.Report) map[string]any {
	return map[string]any{
		"read": r.Read, "written": r.Written, "groups": r.Groups, "workers": r.Workers, "adapters": r.Adapters, "scratch": r.Scratch,
		"buffers": r.Buffers, "passes": r.Passes, "short_runs": r.ShortRuns, "notes": r.Notes,
	}
}

// lines yields the lines of b without their breaks.
func lines(b []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for len(b) > 0 {
			line, rest, _ := bytes.Cut(b, []byte("\n"))
			if !yield(line) {
				return
			}
			b = rest
		}
	}
}

// isInterrupt reports an error that only says that the context has ended.
func isInterrupt(err error) bool {
	var s signalled
	return errors.As(err, &s) || errors.Is(err, context.Canceled)
}
