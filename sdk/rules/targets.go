package rules

import (
	"fmt"
	"regexp"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// targetRule is a compiled rule block of a conversion.
type targetRule struct {
	*sdk.TargetRule
	globs []*glob.Pattern
	re    *regexp.Regexp
}

func (x *expansion) targets() error {
	for i := range x.Targets {
		t := targetRule{TargetRule: &x.Targets[i]}
		for _, m := range t.Match {
			g, err := glob.Compile(m, '.')
			if err != nil {
				return fmt.Errorf("rule %q: %w", t.Name, err)
			}
			t.globs = append(t.globs, g)
		}
		if t.MatchRegex != "" {
			re, err := regexp.Compile(t.MatchRegex)
			if err != nil {
				return fmt.Errorf("rule %q: %w", t.Name, err)
			}
			t.re = re
		}
		x.res.RulesHit[t.Name] = 0
		x.target = append(x.target, t)
	}
	return nil
}

// match returns the first rule that an output name fits, or nil.
func (x *expansion) match(name string) *targetRule {
	for i := range x.target {
		t := &x.target[i]
		hit := t.re != nil && t.re.MatchString(name)
		for _, g := range t.globs {
			hit = hit || g.Match(name)
		}
		if hit {
			x.res.RulesHit[t.Name]++
			return t
		}
	}
	return nil
}

// dtype returns the element type of an output tensor. Integers and bools keep
// theirs.
func (x *expansion) dtype(in *instance, t *targetRule) tensor.DType {
	stored := storedType(in)
	if stored.Kind() != tensor.KindFloat {
		return stored
	}
	want := x.DType
	if t != nil && t.DType != "" {
		want = t.DType
	}
	switch want {
	case "source":
		return stored
	case "mixed":
		want = in.row.Runtime
		if want == "" {
			want = x.Table.Runtime
		}
	}
	d, err := tensor.ParseDType(want)
	if err != nil { // of the table: admit has looked at what the spec says
		x.noRuntime(in.row.Name)
		return stored
	}
	return d
}

// noRuntime reports, once, a table that does not say what "mixed" is.
func (x *expansion) noRuntime(row string) {
	if x.unmixed {
		return
	}
	x.unmixed = true
	x.res.Diagnostics.Errorf(diag.Usage, CodeRuntime, "No layout \"mixed\" is known",
		`dtype = "mixed" asks for the type in which the target's runtime keeps each tensor, and the plugin's table says none (row %q); say "float32", "bfloat16", "float16" or "source"`, row).Rule = row
}

// storedType is the type that all sources of an instance are stored in, or one
// that holds the values of all; float32 where there is no source.
func storedType(in *instance) tensor.DType {
	out := tensor.Invalid
	for _, b := range in.bases {
		switch {
		case b.t == nil || b.t.DType == out:
		case out == tensor.Invalid:
			out = b.t.DType
		case b.t.DType == tensor.Float64 || out == tensor.Float64:
			out = tensor.Float64
		default:
			out = tensor.Float32
		}
	}
	if out == tensor.Invalid {
		return tensor.Float32
	}
	return out
}
