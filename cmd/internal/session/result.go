package session

import (
	"context"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/spec"
)

// result gathers what expectations see.
func (r *run) result(ctx context.Context) (*spec.Result, error) {
	dir, tree, err := r.reopened(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	defer func() { _ = tree.Close() }()
	p := r.p
	out := &spec.Result{
		Measured: p.measures(), Conversion: p.Name, Method: p.Method, Format: p.Plan.Output.Format, DType: p.DType,
		Tensors: len(tree.Manifest().Tensors), ExpectedTensors: len(p.Plan.Tensors), Files: r.fileNames(), Warnings: p.Warnings,
		DeltaRetention: 1, Tensor: map[string]spec.TensorResult{},
	}
	for _, f := range r.rec.manifest.Files {
		out.Bytes += f.Bytes
	}
	out.Unused = unused(p)
	for _, d := range p.Plan.Drops {
		out.Dropped = append(out.Dropped, spec.DroppedParameter{From: d.From, Name: d.Name, Reason: d.Reason})
	}
	modules := map[string]bool{}
	var kept, added float64
	for i, t := range p.Plan.Tensors {
		module, merged := loraModule(p.Method, t)
		x := spec.TensorResult{DType: t.DType.String(), Bytes: r.weights.bytes[t.Name], NonFinite: r.rec.finite[i], Merged: merged}
		if merged {
			out.Merged++
			modules[module] = true
		}
		if m := r.rec.measured[i]; m != nil {
			x.Drift, x.BaseNorm, x.DeltaNorm, x.DeltaRetention = m.Drift, m.BaseNorm, m.DeltaNorm, m.Retention
			out.Drift = max(out.Drift, m.Drift)
			square := m.DeltaNorm * m.DeltaNorm
			kept, added = kept+m.Retention*square, added+square
		}
		out.NonFinite += x.NonFinite
		out.Tensor[t.Name] = x
	}
	if added > 0 {
		out.DeltaRetention = kept / added
	}
	for m := range modules {
		out.TargetModules = append(out.TargetModules, m)
	}
	slices.Sort(out.TargetModules)
	return out, nil
}

// loraModule returns the last name of the module that a tensor belongs to, and
// whether LoRA is on it.
func loraModule(method string, t plan.Tensor) (module string, merged bool) {
	path := t.Name
	if method == "adapter" {
		for _, end := range []string{".lora_A.weight", ".lora_B.weight"} {
			if cut, ok := strings.CutSuffix(path, end); ok {
				path, merged = cut, true
			}
		}
	} else {
		merged = plan.Merges(t.Expr)
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			path = path[:i]
		}
	}
	return path[strings.LastIndexByte(path, '.')+1:], merged
}

// unused lists the source parameters that no output tensor reads, sorted.
func unused(p *Prepared) []string {
	read := map[string]bool{}
	for _, t := range p.Plan.Tensors {
		plan.Sources(t.Expr, func(s *plan.Source) { read[s.From+"\x00"+s.Name] = true })
	}
	var out []string
	for from, m := range p.Manifests {
		for _, t := range m.Tensors {
			if !read[from+"\x00"+t.Name] {
				out = append(out, t.Name)
			}
		}
	}
	slices.Sort(out)
	return out
}
