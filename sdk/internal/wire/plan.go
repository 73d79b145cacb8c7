package wire

import (
	"fmt"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/sdk"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

// EncodePlanRequest is the host's second word. Numbers among the arguments
// become JSON numbers, so the plugin sees each as a float64; one that a
// float64 cannot hold exactly is an error.
func EncodePlanRequest(r sdk.PlanRequest) (*pb.PlanRequest, error) {
	for i := range r.Sources {
		if err := exact(r.Sources[i].Args); err != nil {
			return nil, fmt.Errorf("plan request: source %q: %w", r.Sources[i].Name, err)
		}
	}
	if err := exact(r.Output.Args); err != nil {
		return nil, fmt.Errorf("plan request: output: %w", err)
	}
	b, err := encode("plan request", r, MaxMessage-1024)
	return &pb.PlanRequest{Json: b}, err
}

// exact refuses integers that a float64 would round.
func exact(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if err := exact(x); err != nil {
				return fmt.Errorf("%s: %w", k, err)
			}
		}
	case []any:
		for _, x := range v {
			if err := exact(x); err != nil {
				return err
			}
		}
	case int64:
		if v > 1<<53 || v < -1<<53 {
			return fmt.Errorf("number %d has more than 53 bits", v)
		}
	case int:
		return exact(int64(v))
	}
	return nil
}

// DecodePlanRequest is read by the plugin. Manifests come out sorted.
func DecodePlanRequest(m *pb.PlanRequest) (r sdk.PlanRequest, err error) {
	if err := known("plan request", m); err != nil {
		return r, err
	}
	if err := decode("plan request", m.GetJson(), MaxMessage, &r); err != nil {
		return r, err
	}
	seen := map[string]bool{}
	for i := range r.Sources {
		s := &r.Sources[i]
		if s.Name == "" || seen[s.Name] {
			return r, fmt.Errorf("plan request: source %q has no name or stands twice", s.Name)
		}
		seen[s.Name] = true
		if s.Manifest == nil {
			return r, fmt.Errorf("plan request: source %q has no manifest", s.Name)
		}
		s.Manifest.Sort()
	}
	return r, nil
}

// EncodePlanResponse is the plugin's answer. A plan beside an error is left
// behind: it is not a plan that may be run.
func EncodePlanResponse(r *sdk.PlanResponse) (*pb.PlanResponse, error) {
	if r == nil {
		return nil, fmt.Errorf("plan response is nil")
	}
	m := new(pb.PlanResponse)
	var err error
	if m.Diagnostics, err = EncodeDiagnostics(r.Diagnostics); err != nil {
		return nil, fmt.Errorf("plan response: %w", err)
	}
	if r.Diagnostics.HasErrors() {
		return m, nil
	}
	if r.Plan == nil {
		return nil, fmt.Errorf("plan response holds neither a plan nor an error")
	}
	if m.Plan, err = plan.Encode(r.Plan); err != nil {
		return nil, fmt.Errorf("plan response: %w", err)
	}
	m.RulesHit = make(map[string]int64, len(r.RulesHit))
	for k, n := range r.RulesHit {
		m.RulesHit[k] = int64(n)
	}
	return m, nil
}

// DecodePlanResponse is read by the host, which knows what it asked. Whether
// the plan can be run, and whether it loses anything, plan.Check says.
func DecodePlanResponse(m *pb.PlanResponse, asked *sdk.PlanRequest) (*sdk.PlanResponse, error) {
	if err := known("plan response", m); err != nil {
		return nil, err
	}
	ds, err := DecodeDiagnostics(m.GetDiagnostics(), converterClasses...)
	if err != nil {
		return nil, fmt.Errorf("plan response: %w", err)
	}
	r := &sdk.PlanResponse{Diagnostics: ds}
	switch {
	case ds.HasErrors() && len(m.GetPlan()) > 0:
		return nil, fmt.Errorf("plan response holds a plan and an error")
	case ds.HasErrors():
		return r, nil
	case len(m.GetPlan()) == 0:
		return nil, fmt.Errorf("plan response holds neither a plan nor an error")
	}
	if r.Plan, err = plan.Decode(m.GetPlan()); err != nil {
		return nil, fmt.Errorf("plan response: %w", err)
	}
	r.RulesHit, err = decodeHits(m.GetRulesHit(), asked.Rules, len(r.Plan.Tensors))
	if err != nil {
		return nil, fmt.Errorf("plan response: %w", err)
	}
	return r, nil
}

func decodeHits(hits map[string]int64, rules []sdk.TargetRule, tensors int) (map[string]int, error) {
	out := map[string]int{}
	for _, t := range rules {
		if n, ok := hits[t.Name]; ok {
			if n < 0 || n > int64(tensors) {
				return nil, fmt.Errorf("rule %q is said to match %d of %d tensors", t.Name, n, tensors)
			}
			out[t.Name] = int(n)
		}
	}
	if len(out) != len(hits) {
		for k := range hits {
			if _, ok := out[k]; !ok {
				return nil, fmt.Errorf("rules_hit names rule %q, which the spec does not have", k)
			}
		}
	}
	return out, nil
}
