package rules

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/rule"
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

// dtype returns the element type of an output tensor, of what is stored in the
// type given. Integers and bools keep theirs.
func (x *expansion) dtype(r *rule.Row, t *targetRule, stored tensor.DType) tensor.DType {
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
		want = r.Runtime
		if want == "" {
			want = x.Table.Runtime
		}
	}
	d, err := tensor.ParseDType(want)
	if err != nil { // of the table: admit has looked at what the spec says
		x.noRuntime(r.Name)
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

// storedType is the type that an instance's sources are stored in; float32
// where there is none.
func storedType(in *instance) tensor.DType {
	var ds []tensor.DType
	for _, b := range in.bases {
		if b.t != nil {
			ds = append(ds, b.t.DType)
		}
	}
	if len(ds) == 0 {
		return tensor.Float32
	}
	return widest(ds)
}

// widest is the one type of all, or else one that holds the values of all.
func widest(ds []tensor.DType) tensor.DType {
	switch {
	case len(slices.Compact(slices.Clone(ds))) == 1:
		return ds[0]
	case slices.Contains(ds, tensor.Float64):
		return tensor.Float64
	}
	return tensor.Float32
}
