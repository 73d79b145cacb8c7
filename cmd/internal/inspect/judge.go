package inspect

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
)

// judge adds a tree's pairs and what a person should be warned of.
func (r *reader) judge(m *manifest.Manifest, tree string) {
	var warnings []string
	warnings = append(warnings, m.Warnings...)
	sep := "/"
	if m.Format != "orbax" {
		sep = "."
	}
	pairs, lora := findPairs(m, tree, sep)
	r.report.Pairs = append(r.report.Pairs, pairs...)
	warnings = append(append(warnings, lora...), missing(m)...)
	warnings = append(warnings, partialValue(m)...)
	for _, n := range m.Duplicates() {
		warnings = append(warnings, fmt.Sprintf("several parameters have the name %q once a trailing \"value\" is left out; a conversion would refuse them", n))
	}
	for _, w := range warnings {
		if tree != "." {
			w = fmt.Sprintf("tree %q: %s", tree, w)
		}
		r.warn(w)
	}
}

// missing reports chunks that were never written.
func missing(m *manifest.Manifest) []string {
	var names []string
	chunks := 0
	for i := range m.Tensors {
		if n := m.Tensors[i].Missing; n > 0 {
			chunks += n
			names = append(names, m.Tensors[i].Name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d chunks were never written and read as their fill value, in %d parameters: %s; run wants missing_chunks = \"fill\" for them", chunks, len(names), some(names))}
}

// partialValue reports a tree of which some leaves end in "value" and some do
// not: two saves of different kinds may have been mixed. Scalars do not count:
// a train state has a plain step beside its parameters.
func partialValue(m *manifest.Manifest) []string {
	var with, without []string
	for i := range m.Tensors {
		if len(m.Tensors[i].Shape) == 0 {
			continue
		}
		if p := m.Tensors[i].Path; len(p) > 1 && p[len(p)-1] == "value" {
			with = append(with, m.Tensors[i].Name)
		} else {
			without = append(without, m.Tensors[i].Name)
		}
	}
	if len(with) == 0 || len(without) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d parameters end in \"value\", the others do not: %s do, %s do not", len(with), len(with)+len(without), some(with[:1]), some(without[:1]))}
}

// nameWithoutLora warns where a path speaks of LoRA and no factor is there: a
// base that was exported in place of a merged model looks just like that.
func (r *reader) nameWithoutLora() {
	if len(r.report.Pairs) > 0 {
		return
	}
	for _, w := range r.report.Warnings {
		if strings.Contains(w, "LoRA pair") {
			return
		}
	}
	abs, err := filepath.Abs(r.path)
	if err != nil {
		return
	}
	parts := strings.Split(filepath.ToSlash(abs), "/")
	for _, p := range parts[max(0, len(parts)-3):] {
		if strings.Contains(strings.ToLower(p), "lora") {
			r.warn(fmt.Sprintf("the path speaks of LoRA (%q), but no parameter is a LoRA factor: this is a base or an already merged model", p))
			return
		}
	}
}
