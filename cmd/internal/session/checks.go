package session

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/loraconv/loraconv/cmd/internal/compare"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/receipt"
	"github.com/loraconv/loraconv/core/spec"
)

// references reports a check whose reference is not there, before anything is
// computed.
func (p *Prepared) references() error {
	for _, c := range p.Checks {
		if c.Kind != spec.CheckReference {
			continue
		}
		if _, err := os.Stat(c.Path); err != nil {
			return referenceFault(c, err)
		}
	}
	return nil
}

func referenceFault(c *spec.Check, err error) error {
	d := diag.New(diag.Source, "reference-unreadable", "The reference of a check cannot be read", "%q: %v", c.Path, err)
	if c.Range.File != "" {
		at := c.Range
		d.Range = &at
	}
	return d
}

func (r *run) check(ctx context.Context, c *spec.Check) (verdict, error) {
	switch c.Kind {
	case spec.CheckDrift:
		return r.drift(c), nil
	case spec.CheckReference:
		return r.reference(ctx, c)
	case spec.CheckRoundtrip:
		return r.roundtrip(ctx, c)
	}
	return r.filesCheck(c)
}

// drift judges what the worker measured.
func (r *run) drift(c *spec.Check) verdict {
	type one struct {
		name             string
		drift, retention float64
	}
	var judged, drifts, losses []one
	for i, t := range r.p.Plan.Tensors {
		if !c.Matches(t.Name) {
			continue
		}
		m := r.rec.measured[i]
		x := one{t.Name, m.Drift, m.Retention}
		judged = append(judged, x)
		if c.MaxAbs != nil && x.drift > *c.MaxAbs {
			drifts = append(drifts, x)
		}
		if c.MinRetention != nil && x.retention < *c.MinRetention {
			losses = append(losses, x)
		}
	}
	if len(judged) == 0 {
		return verdict{detail: fmt.Sprintf("match %q hits none of the %d output tensors, so nothing was judged.", c.Match, len(r.p.Plan.Tensors))}
	}
	worst := slices.MaxFunc(judged, func(a, b one) int { return cmp.Compare(a.drift, b.drift) })
	least := slices.MinFunc(judged, func(a, b one) int { return cmp.Compare(a.retention, b.retention) })
	v := verdict{met: len(drifts)+len(losses) == 0, found: fmt.Sprintf("%d tensors: drift at most %s, retention at least %s", len(judged), decimal(worst.drift), decimal(least.retention))}
	var lines []string
	slices.SortStableFunc(drifts, func(a, b one) int { return cmp.Compare(b.drift, a.drift) })
	for _, x := range drifts {
		lines = append(lines, fmt.Sprintf("%q differs from the float64 result by up to %.6g, max_abs is %.6g", x.name, x.drift, *c.MaxAbs))
	}
	text := some(lines)
	slices.SortStableFunc(losses, func(a, b one) int { return cmp.Compare(a.retention, b.retention) })
	lines = nil
	for _, x := range losses {
		lines = append(lines, fmt.Sprintf("%q keeps %.6g of what LoRA added, min_retention is %.6g", x.name, x.retention, *c.MinRetention))
	}
	if text != "" && len(lines) > 0 {
		text += "\n"
	}
	v.detail = text + some(lines) + "\nWrite these tensors in a wider dtype, such as float32, or move the bound."
	return v
}

// reference compares the output with a known-good export.
func (r *run) reference(ctx context.Context, c *spec.Check) (verdict, error) {
	o := compare.Options{}
	if c.MaxAbs != nil {
		o.ATol = *c.MaxAbs
	}
	if c.RTol != nil {
		o.RTol = *c.RTol
	}
	if len(c.Match) > 0 {
		o.Match = c.Matches
	}
	rep, err := compare.Compare(ctx, r.stage.Dir(), c.Path, o)
	if err != nil {
		if ctx.Err() != nil {
			return verdict{}, err
		}
		return verdict{}, referenceFault(c, err)
	}
	v := verdict{met: rep.Equal && rep.Compared > 0, found: fmt.Sprintf("%d tensors compared", rep.Compared)}
	var lines []string
	for _, t := range rep.Tensors {
		switch t.Reason {
		case "shape":
			lines = append(lines, fmt.Sprintf("%q has the shape %v, the reference %v", t.Name, t.ShapeA, t.ShapeB))
		case "dtype":
			lines = append(lines, fmt.Sprintf("%q is %v, the reference %v; max_abs or rtol compares values of two types", t.Name, t.DTypeA, t.DTypeB))
		default:
			lines = append(lines, fmt.Sprintf("%q differs in %d of %d elements, by up to %.6g; max_abs is %.6g, rtol %.6g", t.Name, t.Differing, t.Elements, float64(t.MaxAbs), o.ATol, o.RTol))
		}
	}
	for _, n := range rep.OnlyInA {
		lines = append(lines, fmt.Sprintf("%q is not in the reference", n))
	}
	for _, n := range rep.OnlyInB {
		lines = append(lines, fmt.Sprintf("%q is in the reference alone", n))
	}
	for _, s := range rep.Strings {
		lines = append(lines, fmt.Sprintf("the text %q differs", s.Name))
	}
	if rep.Compared == 0 {
		lines = append(lines, fmt.Sprintf("no tensor was compared: match %q hits none that both have", c.Match))
	}
	v.detail = some(lines) + fmt.Sprintf("\nThe reference is %q; \"loraconv diff\" shows all.", c.Path)
	return v, nil
}

// filesCheck looks at the names of the output's files.
func (r *run) filesCheck(c *spec.Check) (verdict, error) {
	names := r.fileNames()
	var lines []string
	for _, w := range []struct {
		globs []string
		want  bool
	}{{c.Require, true}, {c.Forbid, false}} {
		for _, text := range w.globs {
			g, err := glob.Compile(text, '/')
			if err != nil {
				return verdict{}, err
			}
			hit := ""
			for _, n := range names {
				if hit == "" && g.Match(n) {
					hit = n
				}
			}
			switch {
			case w.want && hit == "":
				hint := ""
				if near := manifest.Suggest(text, names); near != "" {
					hint = fmt.Sprintf("; there is %q", near)
				}
				lines = append(lines, fmt.Sprintf("require %q hits none of the %d files of the output%s", text, len(names), hint))
			case !w.want && hit != "":
				lines = append(lines, fmt.Sprintf("forbid %q hits %q", text, hit))
			}
		}
	}
	return verdict{met: len(lines) == 0, found: fmt.Sprintf("%d files", len(names)), detail: some(lines)}, nil
}

// fileNames lists the files of the output, its receipts included.
func (r *run) fileNames() []string {
	names := []string{receipt.ManifestName, receipt.ProvenanceName}
	for _, f := range r.rec.manifest.Files {
		names = append(names, f.Name)
	}
	slices.Sort(names)
	return names
}
