package view

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/cmd/internal/inspect"
	"github.com/loraconv/loraconv/core/tensor"
)

// Inspect prints a report for people, in 80 columns where names allow it. Of a
// run it shows the step that a conversion would take.
func Inspect(w io.Writer, path string, r *inspect.Report) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", Printable(path), r.Format)
	trees, steps := shown(r)
	summary(&b, r, steps)
	for _, name := range trees {
		fmt.Fprintln(&b)
		writeTree(&b, name, r)
	}
	if len(r.Warnings) > 0 {
		fmt.Fprintf(&b, "\nWarnings\n")
		for _, s := range r.Warnings {
			b.WriteString(wrap("  - ", Printable(s)))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// shown returns the trees to show, and the other steps of a run.
func shown(r *inspect.Report) (trees, steps []string) {
	for _, name := range slices.Sorted(maps.Keys(r.Trees)) {
		step, _, _ := strings.Cut(name, "/")
		switch {
		case r.Step == "" || step == r.Step:
			trees = append(trees, name)
		case !slices.Contains(steps, step):
			steps = append(steps, step)
		}
	}
	return trees, steps
}

func summary(b *strings.Builder, r *inspect.Report, steps []string) {
	if len(r.Layout) > 0 {
		b.WriteString(wrap("  layout    ", Printable(strings.Join(r.Layout, ", "))))
	}
	if len(steps) > 0 {
		b.WriteString(wrap("  steps     ", Printable(fmt.Sprintf("shown: %s; also there: %s", r.Step, strings.Join(steps, ", ")))))
	}
	if g := r.Guess; g != nil {
		b.WriteString(wrap("  model     ", Printable(fmt.Sprintf("%s (%s): %s", g.Model, g.Plugin, g.From))))
	}
	if l := r.Lora; l != nil {
		alpha := "alpha " + l.AlphaFrom
		if l.Alpha != nil {
			alpha = fmt.Sprintf("alpha %v, from %s", *l.Alpha, l.AlphaFrom)
		}
		b.WriteString(wrap("  lora      ", Printable(fmt.Sprintf("%s; %s", Count(len(l.Modules), "module"), alpha))))
		for _, m := range l.Modules {
			ranks := strings.Trim(fmt.Sprint(m.Ranks), "[]")
			b.WriteString(wrap("            ", Printable(fmt.Sprintf("%s: %s, rank %s", m.Name, Count(m.Layers, "layer"), ranks))))
		}
	}
	if len(r.Metadata) > 0 && string(r.Metadata) != "null" {
		b.WriteString(wrap("  metadata  ", keys(r.Metadata)))
	}
	if len(r.Files) > 0 {
		names := make([]string, min(6, len(r.Files)))
		for i := range names {
			names[i] = r.Files[i].Path
		}
		more := ""
		if n := len(r.Files) - len(names); n > 0 {
			more = fmt.Sprintf(" and %d more", n)
		}
		b.WriteString(wrap("  files     ", Printable(strings.Join(names, ", "))+more))
	}
}

// keys lists the keys of a JSON object; -json has it all.
func keys(doc []byte) string {
	var m map[string]json.RawMessage
	if json.Unmarshal(doc, &m) != nil {
		return Bytes(int64(len(doc)))
	}
	return Printable(strings.Join(slices.Sorted(maps.Keys(m)), ", "))
}

func writeTree(b *strings.Builder, name string, r *inspect.Report) {
	t := r.Trees[name]
	var bytes, elements int64
	dtypes := map[tensor.DType]int{}
	digests := false
	for i := range t.Tensors {
		bytes += t.Tensors[i].Bytes
		elements += int64(t.Tensors[i].Shape.Elements())
		dtypes[t.Tensors[i].DType]++
		digests = digests || t.Tensors[i].SHA256 != ""
	}
	fmt.Fprintf(b, "Tree %s: %s, %s, %s\n", Printable(name), Count(len(t.Tensors), "parameter"), Count(int(elements), "element"), Bytes(bytes))
	var types []string
	for _, d := range slices.Sorted(maps.Keys(dtypes)) {
		types = append(types, fmt.Sprintf("%s (%d)", d, dtypes[d]))
	}
	if len(types) > 0 {
		b.WriteString(wrap("  dtypes    ", strings.Join(types, ", ")))
	}
	if n := valued(t); !digests && n > 0 && n == len(t.Tensors) {
		fmt.Fprintf(b, "  names     each ends in a component \"value\", which is left out here\n")
	}
	writePairs(b, name, r.Pairs)
	if digests {
		writeDigests(b, t)
	} else {
		writeTensors(b, t)
	}
	for i, s := range t.Strings {
		if i == 0 {
			fmt.Fprintf(b, "\n  Text\n")
		}
		fmt.Fprintf(b, "    %s = %s\n", Printable(s.Name), Printable(quoted(s.Value)))
	}
}

// valued counts the parameters whose path ends in "value".
func valued(t *inspect.Tree) (n int) {
	for i := range t.Tensors {
		if short(t.Tensors[i].Name) != t.Tensors[i].Name {
			n++
		}
	}
	return n
}

// short leaves a trailing "value" out, as conversions do.
func short(name string) string { return strings.TrimSuffix(name, "/value") }

// quoted shows the beginning of a text.
func quoted(s string) string {
	if r := []rune(s); len(r) > 60 {
		return fmt.Sprintf("%q and %d more characters", string(r[:60]), len(r)-60)
	}
	return fmt.Sprintf("%q", s)
}

// writePairs prints the LoRA pairs of a tree, those of like layers together.
func writePairs(b *strings.Builder, tree string, pairs []inspect.Pair) {
	var list grouping
	ranks := map[int]int{}
	n, unknown := 0, 0
	for i := range pairs {
		p := &pairs[i]
		if p.Tree != tree {
			continue
		}
		n++
		rank := "rank ?"
		if p.Rank != nil {
			rank = fmt.Sprintf("rank %d", *p.Rank)
			ranks[*p.Rank]++
		} else {
			unknown++
		}
		what := fmt.Sprintf("a %v, b %v", p.ShapeA, p.ShapeB)
		if !p.InTree {
			what += ", base elsewhere"
		}
		list.add(short(p.Base), rank, what)
	}
	if n == 0 {
		return
	}
	var by []string
	for _, r := range slices.Sorted(maps.Keys(ranks)) {
		by = append(by, fmt.Sprintf("rank %d (%d)", r, ranks[r]))
	}
	if unknown > 0 {
		by = append(by, fmt.Sprintf("rank unknown (%d)", unknown))
	}
	b.WriteString(wrap("  LoRA      ", Count(n, "pair")+": "+strings.Join(by, ", ")))
	fmt.Fprintf(b, "\n  LoRA pairs, by the parameter they change\n")
	for _, g := range list.groups {
		fmt.Fprintf(b, "    %s%s\n      %s, %s\n", Printable(g.name()), g.times(), g.cells[0], g.cells[1])
	}
}

// writeTensors prints parameters below the path that they share, and those of
// like layers as one.
func writeTensors(b *strings.Builder, t *inspect.Tree) {
	if len(t.Tensors) == 0 {
		return
	}
	var list grouping
	for i := range t.Tensors {
		p := &t.Tensors[i]
		list.add(short(p.Name), p.DType.String(), p.Shape.String(), Bytes(p.Bytes))
	}
	fmt.Fprintf(b, "\n  Parameters\n")
	parent, times, table := "", "", Table{Indent: 4}
	flush := func() {
		b.WriteString(table.String())
		table = Table{Indent: 4}
	}
	for i, g := range list.groups {
		dir, leaf := parted(g.name())
		if dir != parent || dir != "" && g.times() != times || i == 0 {
			flush()
			if parent, times = dir, g.times(); dir != "" {
				fmt.Fprintf(b, "    %s%s\n", Printable(dir), g.times())
			}
		}
		count := ""
		if dir == "" {
			count = g.times()
		}
		if dir != "" {
			leaf = "  " + leaf
		}
		table.Row(Printable(leaf)+count, g.cells[0], g.cells[1], g.cells[2])
	}
	flush()
}

// parted parts a name in what it shares with its neighbours and its own end:
// the last component of a/b/c, the last two of a.b.c.weight.
func parted(name string) (dir, leaf string) {
	at := strings.LastIndexByte(name, '/')
	if at < 0 {
		if at = strings.LastIndexByte(name, '.'); at > 0 {
			at = strings.LastIndexByte(name[:at], '.')
		}
	}
	return name[:at+1], name[at+1:]
}

// writeDigests prints each parameter with the digest of its values.
func writeDigests(b *strings.Builder, t *inspect.Tree) {
	fmt.Fprintf(b, "\n  Parameters, with the SHA-256 of their values\n")
	for i := range t.Tensors {
		p := &t.Tensors[i]
		fmt.Fprintf(b, "    %s  %s %v  %s\n      %s\n", Printable(p.Name), p.DType, p.Shape, Bytes(p.Bytes), p.SHA256)
	}
}
