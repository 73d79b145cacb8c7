package session

import (
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
)

// warnIdle warns of LoRA that changes nothing: second factors begin as zeros,
// and a training that never took a step saves them as they are.
func (r *run) warnIdle() {
	for _, a := range r.rec.adapters {
		if a.Terms > 0 && a.Idle == a.Terms {
			r.idle(a.Source, "each of its %d LoRA pairs has a factor of nothing but zeros, so what was merged is the base", a.Terms)
		}
	}
	// In an exported adapter the factors are tensors.
	all, idle := map[string]int{}, map[string]int{}
	for i, t := range r.p.Plan.Tensors {
		if !strings.HasSuffix(t.Name, ".lora_B.weight") {
			continue
		}
		seen := map[string]bool{}
		plan.Sources(t.Expr, func(s *plan.Source) {
			if seen[s.From] {
				return
			}
			seen[s.From] = true
			if all[s.From]++; r.rec.zero[i] {
				idle[s.From]++
			}
		})
	}
	for _, o := range r.p.Sources {
		if n := all[o.Name]; n > 0 && idle[o.Name] == n {
			r.idle(o.Name, "the second factor of each of its %d modules is nothing but zeros, so the adapter changes nothing", n)
		}
	}
}

func (r *run) idle(source, format string, args ...any) {
	if r.s.Observer == nil {
		return
	}
	var ds diag.List
	d := ds.Warnf("lora-idle", "The LoRA changes nothing", "source %q: "+format+"; a training run that failed before its first step saves such a checkpoint", append([]any{source}, args...)...)
	r.s.Observer.Warning(r.p.Name, d)
}
