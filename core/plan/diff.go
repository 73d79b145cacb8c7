package plan

import (
	"fmt"
	"strconv"
)

// Diff says, for people, what changes from a to b: one line for each thing,
// "+" for what only b has, "-" for what only a has, "~" for what both have
// and where they differ. No line means that both have the same digest.
func Diff(a, b *Plan) []string {
	d := &differ{}
	d.changed("plan version", strconv.Itoa(a.Version), strconv.Itoa(b.Version))
	d.changed("sources", fmt.Sprintf("%q", a.Sources), fmt.Sprintf("%q", b.Sources))
	d.changed("output", outputText(a.Output), outputText(b.Output))
	d.section("fact", rows(a.Facts, factRow), rows(b.Facts, factRow))
	d.section("drop", rows(a.Drops, dropRow), rows(b.Drops, dropRow))
	d.section("file", rows(a.Files, fileRow), rows(b.Files, fileRow))
	d.section("document", rows(a.Documents, documentRow), rows(b.Documents, documentRow))
	d.section("tensor", rows(a.Tensors, tensorRow), rows(b.Tensors, tensorRow))
	return d.lines
}

// row is one thing of a plan: what identifies it, and what may differ.
type row struct {
	key    string
	fields [][2]string
}

func rows[T any](xs []T, f func(*T) row) []row {
	out := make([]row, len(xs))
	for i := range xs {
		out[i] = f(&xs[i])
	}
	return out
}

func outputText(o Output) string {
	return fmt.Sprintf("%s to %s, max_shard %d", o.Format, o.File, o.MaxShard)
}

func factRow(f *Fact) row { return row{f.Name, [][2]string{{"", f.Value}, {"from", f.From}}} }

func dropRow(d *Drop) row {
	return row{d.String(), [][2]string{{"reason", strconv.Quote(d.Reason)}, {"rule", d.Rule}}}
}

func fileRow(f *File) row { return row{f.To, [][2]string{{"from", f.From + ":" + f.Path}}} }

func documentRow(d *Document) row {
	return row{d.Path, [][2]string{{"content", strconv.Quote(d.Content)}}}
}

func tensorRow(t *Tensor) row {
	return row{t.Name, [][2]string{
		{"dtype", t.DType.String()}, {"shape", t.Shape.String()}, {"rule", strconv.Quote(t.Rule)}, {"=", canonicalExpr(t.Expr)},
	}}
}

// canonicalExpr prints x with its sources' names, so that plans that read
// different sources of one parameter name differ.
func canonicalExpr(x Expr) string {
	from := map[string]bool{}
	Sources(x, func(s *Source) { from[s.From] = true })
	if len(from) < 2 {
		for f := range from {
			return String(x) + " from " + strconv.Quote(f)
		}
		return String(x)
	}
	w := &writer{}
	w.expr(x, 0)
	return w.buf.String()
}

type differ struct{ lines []string }

func (d *differ) add(format string, args ...any) {
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

func (d *differ) changed(what, a, b string) {
	if a != b {
		d.add("~ %s: %s -> %s", what, a, b)
	}
}

// section compares two lists by key; things of one key are paired in order.
func (d *differ) section(what string, as, bs []row) {
	left := map[string][]row{}
	for _, a := range as {
		left[a.key] = append(left[a.key], a)
	}
	var added []row
	for _, b := range bs {
		have := left[b.key]
		if len(have) == 0 {
			added = append(added, b)
			continue
		}
		left[b.key] = have[1:]
		for i, f := range b.fields {
			if was := have[0].fields[i][1]; was != f[1] {
				d.add("~ %s %s: %s%s -> %s", what, b.key, label(f[0]), was, f[1])
			}
		}
	}
	for _, a := range as {
		if rest := left[a.key]; len(rest) > 0 {
			left[a.key] = rest[1:]
			d.whole("-", what, rest[0])
		}
	}
	for _, b := range added {
		d.whole("+", what, b)
	}
}

func (d *differ) whole(sign, what string, r row) {
	s := ""
	for _, f := range r.fields {
		if f[1] != "" {
			s += " " + label(f[0]) + f[1]
		}
	}
	d.add("%s %s %s:%s", sign, what, r.key, s)
}

func label(s string) string {
	if s == "" {
		return ""
	}
	return s + " "
}
