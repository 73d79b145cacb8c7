package rule

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Format prints a table in the rule notation, aligned as loraconv fmt aligns:
// Parse(Format(t)) equals t. Comments are not part of a table, and blocks come
// by kind.
func Format(t *Table) string {
	w := &printer{}
	if t.Roots != nil {
		w.attr("roots", list(t.Roots))
	}
	w.text("runtime", t.Runtime)
	if len(t.Letters) > 0 {
		w.object("letters", quoted(t.Letters))
	}
	w.flush()
	for _, c := range t.Captures {
		w.capture(&c)
	}
	for _, b := range t.Blocks {
		w.place(&b)
	}
	for _, d := range t.Defines {
		w.open("define", d.Name)
		w.expr("value", d.Value)
		w.close()
	}
	for i := range t.Rows {
		w.row(&t.Rows[i])
	}
	for _, d := range t.Drops {
		w.open("drop", d.Name)
		w.attr("source", Quote(d.Source))
		w.attr("reason", Quote(d.Reason))
		w.expr("when", d.When)
		w.close()
	}
	for _, r := range t.Refusals {
		w.open("refuse", r.Name)
		w.attr("source", Quote(r.Source))
		w.attr("reason", Quote(r.Reason))
		w.close()
	}
	return w.b.String()
}

func (w *printer) row(r *Row) {
	w.open("rule", r.Name)
	w.expr("when", r.When)
	if r.Optional {
		w.attr("optional", "true")
	}
	if r.Where != nil {
		w.object("where", quoted(r.Where))
	}
	w.text("source", r.Source)
	if len(r.Parts) == 0 {
		w.attr("axes", Quote(r.Axes))
	}
	if r.Names != nil {
		items := map[string]string{}
		for k, v := range r.Names {
			items[k] = list(v)
		}
		w.object("names", items)
	}
	if r.Size != nil {
		items := map[string]string{}
		for k, v := range r.Size {
			items[k] = v.String()
		}
		w.object("size", items)
	}
	if r.Drop != nil {
		w.object("drop", quoted(r.Drop))
	}
	for _, p := range r.Parts {
		w.open("part", "")
		w.attr("source", Quote(p.Source))
		w.attr("axes", Quote(p.Axes))
		w.close()
	}
	for _, l := range r.Lora {
		w.open("lora", "")
		w.attr("a", Quote(l.A))
		w.attr("b", Quote(l.B))
		w.attr("einsum", Quote(l.Einsum))
		w.expr("scale", l.Scale)
		w.close()
	}
	w.expr("mul", r.Mul)
	w.expr("div", r.Div)
	w.expr("add", r.Add)
	w.expr("fill", r.Fill)
	w.text("to", r.To)
	w.attr("target", Quote(r.Target))
	w.text("module", r.Module)
	w.text("runtime", r.Runtime)
	w.close()
}

func (w *printer) capture(c *Capture) {
	w.open("capture", c.Name)
	if c.Shared {
		w.attr("shared", "true")
	}
	for _, v := range c.Values {
		w.openLabelled("value", v.Value)
		for _, k := range sortedNames(v.Fields) {
			w.attr(k, Quote(v.Fields[k]))
		}
		w.expr("when", v.When)
		w.close()
	}
	w.close()
}

func (w *printer) place(b *Block) {
	w.open("block", b.Name)
	if b.Optional {
		w.attr("optional", "true")
	}
	w.expr("count", b.Count)
	w.text("own", strings.Join(b.Own, " "))
	for _, p := range b.Places {
		w.openLabelled("at", p.Path)
		w.text("stack", strings.Join(p.Stack, " "))
		w.expr("axis", p.Axis)
		for _, k := range sortedNames(p.Let) {
			w.expr(k, p.Let[k])
		}
		w.expr("when", p.When)
		w.close()
	}
	w.close()
}

// printer writes blocks; the arguments of a run are aligned when it ends.
type printer struct {
	b     strings.Builder
	depth int
	run   [][2]string
}

func (w *printer) open(kind, label string) {
	if label == "" && (kind == "lora" || kind == "part") {
		w.head(kind)
		return
	}
	w.openLabelled(kind, label)
}

func (w *printer) openLabelled(kind, label string) { w.head(kind + " " + Quote(label)) }

func (w *printer) head(s string) {
	w.flush()
	if w.depth == 0 && w.b.Len() > 0 {
		w.b.WriteByte('\n')
	}
	w.b.WriteString(strings.Repeat("  ", w.depth) + s + " {\n")
	w.depth++
}

func (w *printer) close() {
	w.flush()
	w.depth--
	w.b.WriteString(strings.Repeat("  ", w.depth) + "}\n")
}

func (w *printer) attr(k, v string) { w.run = append(w.run, [2]string{k, v}) }

func (w *printer) text(k, v string) {
	if v != "" {
		w.attr(k, Quote(v))
	}
}

func (w *printer) expr(k string, e *Expr) {
	if e != nil {
		w.attr(k, e.String())
	}
}

// key writes a name of an object, which must not be a word of HCL's.
func key(n string) string {
	if slices.Contains(keywords, n) {
		return Quote(n)
	}
	return n
}

func (w *printer) object(k string, items map[string]string) {
	parts := make([]string, 0, len(items))
	for _, n := range sortedNames(items) {
		parts = append(parts, key(n)+" = "+items[n])
	}
	if len(parts) == 0 {
		w.attr(k, "{}")
		return
	}
	w.attr(k, "{ "+strings.Join(parts, ", ")+" }")
}

// keywords are names that HCL reads as something else at the start of an
// object.
var keywords = []string{"for", "true", "false", "null"}

func (w *printer) flush() {
	wide := 0
	for _, a := range w.run {
		wide = max(wide, len(a[0]))
	}
	for _, a := range w.run {
		fmt.Fprintf(&w.b, "%s%-*s = %s\n", strings.Repeat("  ", w.depth), wide, a[0], a[1])
	}
	w.run = nil
}

// Quote writes s as a string of the notation.
func Quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func quoted(m map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range m {
		out[k] = Quote(v)
	}
	return out
}

func list(xs []string) string {
	parts := make([]string, len(xs))
	for i, x := range xs {
		parts[i] = Quote(x)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func sortedNames[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
