package session

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/sdk"
)

// builder brings one conversion to a checked plan.
type builder struct {
	s  *Session
	c  *spec.Conversion
	ds diag.List

	plugin   *plugin
	opened   []Opened
	template *TemplateDir
	request  sdk.PlanRequest
}

func (b *builder) build(ctx context.Context) *Prepared {
	for _, step := range []func(context.Context){b.startPlugin, b.openSources, b.readOutput, b.readTemplateOf} {
		if step(ctx); b.ds.HasErrors() {
			return nil
		}
	}
	b.describeRequest()
	resp, err := b.plugin.plan(ctx, b.request)
	if err != nil {
		b.ds.Add(asDiagnostic(err, diag.Plugin))
		return nil
	}
	b.ds.Append(resp.Diagnostics)
	if b.ds.HasErrors() {
		return nil
	}
	if resp.Plan == nil {
		b.ds.Errorf(diag.Plugin, "plan-invalid", "The plugin returned no plan", "plugin %q returned neither a plan nor a reason", b.plugin.id.Name)
		return nil
	}
	return b.check(resp)
}

// startPlugin asks the plugin of the base source about itself.
func (b *builder) startPlugin(ctx context.Context) {
	if b.c.Source == nil {
		b.ds.Errorf(diag.Usage, "no-source", "A conversion has no source", "conversion %q", b.c.Name)
		return
	}
	p, err := b.s.plugin(ctx, b.c.Source.Plugin)
	if err != nil {
		d := asDiagnostic(err, diag.Plugin)
		if d.Path == nil {
			d.Path = []string{"source", b.c.Source.Name}
		}
		b.ds.Add(d)
		return
	}
	b.plugin = p
	for _, a := range b.c.Adapters {
		if a.Source == b.c.Source {
			b.ds.Errorf(diag.Usage, "own-adapter", "A source is named as its own adapter", "source %q is the conversion's source already; LoRA that a checkpoint holds beside its base needs no adapters", a.Source.Name).Path = []string{"conversion", b.c.Name, "adapters"}
		}
		if a.Source.Plugin != b.c.Source.Plugin {
			b.ds.Errorf(diag.Usage, "mixed-plugins", "Base and adapter belong to different plugins", "source %q is %q, adapter %q is %q", b.c.Source.Name, b.c.Source.Plugin, a.Source.Name, a.Source.Plugin).Path = []string{"conversion", b.c.Name, "adapters"}
		}
	}
}

func (b *builder) openSources(ctx context.Context) {
	b.openOne(ctx, b.c.Source, "source", 1)
	for _, a := range b.c.Adapters {
		b.openOne(ctx, a.Source, "adapter", a.Weight)
	}
}

func (b *builder) openOne(ctx context.Context, s *spec.Source, role string, weight float64) {
	decoded, ds := b.s.File.DecodeSource(s, specSchema(b.plugin.about.Source))
	b.ds.Append(ds)
	if ds.HasErrors() {
		return
	}
	var step *int
	if s.Step != nil {
		n := int(*s.Step)
		step = &n
	}
	o, err := openSource(ctx, s.Path, step, b.plugin.about.Trees)
	if err != nil {
		b.ds.Add(sourceFault(err, s))
		return
	}
	for _, w := range o.warnings {
		b.ds.Warnf("source-remark", "A source has a peculiarity", "source %q: %s", s.Name, w).Path = []string{"source", s.Name, "path"}
	}
	o.Name, o.Role, o.Weight, o.Plugin = s.Name, role, weight, s.Plugin
	seen := o.applyDrops(s.Drops, &b.ds)
	b.opened = append(b.opened, *o)
	b.request.Sources = append(b.request.Sources, sdk.Source{
		Name: s.Name, Role: role, Weight: weight, Args: decoded.Args, Rows: decoded.Rows, Manifest: seen,
	})
}

func (b *builder) readOutput(context.Context) {
	schema, ok := b.plugin.about.Outputs[b.c.Output.Format]
	if !ok {
		have := slices.Sorted(maps.Keys(b.plugin.about.Outputs))
		b.ds.Errorf(diag.Usage, "unknown-output", "The plugin writes no such output", "plugin %q has no output %q; it has %s%s", b.plugin.id.Name, b.c.Output.Format, listed(have), didYouMean(b.c.Output.Format, have)).Path = []string{"conversion", b.c.Name, "output"}
		return
	}
	decoded, ds := b.s.File.DecodeOutput(b.c.Output, specSchema(schema))
	b.ds.Append(ds)
	b.request.Output = sdk.Output{Format: b.c.Output.Format, Args: decoded.Args}
}

func (b *builder) describeRequest() {
	b.request.Conversion, b.request.Method, b.request.DType = b.c.Name, b.c.Method, b.c.DType
	for _, r := range b.c.Rules {
		b.request.Rules = append(b.request.Rules, sdk.TargetRule{Name: r.Name, Match: r.Match, MatchRegex: r.MatchRegex, DType: r.DType, Scale: r.Scale, Merge: r.Merge})
	}
}

// check is the host's own verdict on what a plugin returned.
func (b *builder) check(resp *sdk.PlanResponse) *Prepared {
	p := resp.Plan
	m := plan.Manifests{}
	for _, o := range b.opened {
		p.Drops = append(p.Drops, o.drops...)
		m[o.Name] = o.Manifest
	}
	b.hideRemarks(p)
	if err := b.recordSpec(p); err != nil {
		b.ds.Add(diag.New(diag.Other, "failed", "The record of the conversion cannot be written", "%v", err))
		return nil
	}
	plan.Normalize(p)
	b.ds.Append(plan.Check(p, m))
	if b.ds.HasErrors() {
		return nil
	}
	for _, r := range b.c.Rules {
		if resp.RulesHit[r.Name] == 0 {
			b.ds.Warnf("rule-hits-nothing", "A rule hits no tensor", "rule %q matches none of the %d output tensors%s", r.Name, len(p.Tensors), ruleHint(r, p)).Path = []string{"conversion", b.c.Name, "rule", r.Name}
		}
	}
	b.idleGlobs(p)
	b.missing(p, m)
	digest, err := plan.Digest(p)
	if err != nil {
		b.ds.Add(diag.New(diag.Plugin, "plan-invalid", "The plugin returned a plan that cannot be written", "%v", err))
		return nil
	}
	method, dtype := effective(b.c, p)
	b.bounds(method)
	if b.ds.HasErrors() {
		return nil
	}
	output, checks, expects, err := b.absolute()
	if err != nil {
		b.ds.Add(diag.New(diag.Other, "failed", "The working directory cannot be found", "%v", err))
		return nil
	}
	out := &Prepared{
		Name: b.c.Name, Plugin: b.plugin.id, Method: method, DType: dtype, Plan: p, Digest: digest, Manifests: m,
		Sources: b.opened, Template: b.template, Output: output, Compute: b.c.Compute,
		AllowNonFinite: b.c.AllowNonFinite, FillMissing: b.c.FillMissing,
		SpecDigest: b.s.File.Digest(), Checks: checks, Expects: expects,
	}
	specDir := b.s.File.Dir
	if b.s.Text != nil {
		specDir = "" // the spec is in no file
	}
	if d := out.apart(specDir); d != nil {
		d.Path = []string{"conversion", b.c.Name, "output", "path"}
		b.ds.Add(d)
	}
	return out
}

// hideRemarks takes the values of sensitive variables out of what a plan tells
// people, which stands in manifests and model cards as well.
func (b *builder) hideRemarks(p *plan.Plan) {
	hide := b.s.File.Redact
	for i := range p.Drops {
		p.Drops[i].Reason = hide(p.Drops[i].Reason)
	}
	for i := range p.Facts {
		f := &p.Facts[i]
		f.Value, f.From = hide(f.Value), hide(f.From)
	}
}

// absolute makes paths independent of the working directory, so that a plan
// file runs from anywhere.
func (b *builder) absolute() (output string, checks []*spec.Check, expects []*spec.Expect, err error) {
	if output, err = filepath.Abs(b.c.Output.Path); err != nil {
		return "", nil, nil, err
	}
	for _, c := range b.c.Checks {
		k := *c
		if k.Path != "" {
			if k.Path, err = filepath.Abs(k.Path); err != nil {
				return "", nil, nil, err
			}
		}
		checks = append(checks, &k)
	}
	for _, e := range b.c.Expects {
		x := *e
		if x.Dir, err = filepath.Abs(x.Dir); err != nil {
			return "", nil, nil, err
		}
		expects = append(expects, &x)
	}
	return output, checks, expects, nil
}

// bounds refuses bounds of a roundtrip that compares bytes.
func (b *builder) bounds(method string) {
	for _, c := range b.c.Checks {
		if c.Kind == spec.CheckRoundtrip && method != "adapter" && (c.MaxAbs != nil || c.RTol != nil) {
			at := c.Range
			b.ds.Errorf(diag.Usage, "spec-contradicts", "A bound has nothing to bound", "max_abs and rtol of check \"roundtrip\" are about an adapter's product; with method = %q the written bytes are compared, which are equal or not. Remove them.", method).Range = &at
		}
	}
}

// effective fills in what the spec leaves to its defaults.
func effective(c *spec.Conversion, p *plan.Plan) (method, dtype string) {
	method, dtype = c.Method, c.DType
	if method == "" {
		method = "base"
		if countMerges(p) > 0 {
			method = "merge"
		}
	}
	if dtype == "" {
		dtype = "source"
		if method != "base" {
			dtype = "float32"
		}
	}
	return method, dtype
}

func ruleHint(r spec.Rule, p *plan.Plan) string {
	var all []string
	for _, t := range p.Tensors {
		all = append(all, t.Name)
	}
	for _, m := range r.Match {
		if s := didYouMean(m, all); s != "" {
			return s
		}
	}
	return ""
}

// missing reports chunks that were never written under tensors that the plan
// reads.
func (b *builder) missing(p *plan.Plan, m plan.Manifests) {
	if b.c.FillMissing {
		return
	}
	seen := map[string]bool{}
	for _, t := range p.Tensors {
		plan.Sources(t.Expr, func(s *plan.Source) {
			x, err := m.Lookup(s)
			if err != nil || x.Missing == 0 || seen[s.From+"\x00"+s.Name] {
				return
			}
			seen[s.From+"\x00"+s.Name] = true
			b.ds.Warnf("chunks-missing", "A parameter has chunks that were never written", `%s: %d of %d chunks are absent and would read as the fill value; run refuses this unless the conversion says missing_chunks = "fill"`, s.Name, x.Missing, x.Chunks).Tensor = s.Name
		})
	}
}

func specSchema(s sdk.Schema) spec.Schema {
	var out spec.Schema
	for _, a := range s.Attributes {
		out.Attributes = append(out.Attributes, spec.Attribute{Name: a.Name, Type: a.Type, Required: a.Required, Enum: a.Enum, Path: a.Path})
	}
	for _, b := range s.Blocks {
		out.Blocks = append(out.Blocks, spec.Block{Name: b.Name, Labels: b.Labels, Max: b.Max, Rows: b.Rows, Schema: specSchema(b.Schema)})
	}
	return out
}
