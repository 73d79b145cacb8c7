package session

import (
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/sdk"
)

// hostReserve is what the host process itself may have resident, in bytes.
const hostReserve = 40 << 20

// Request is what the worker is asked, less the plan and the stage.
func (s *Session) Request(p *Prepared) *sdk.ExecuteRequest {
	memory, workers := s.budget(p)
	req := &sdk.ExecuteRequest{
		Memory: memory - hostReserve, Workers: workers,
		AllowNonFinite: p.AllowNonFinite, FillMissing: p.FillMissing, Measure: p.measures(),
	}
	for _, o := range p.Sources {
		req.Sources = append(req.Sources, sdk.ExecuteSource{Name: o.Name, Root: o.Root, Tree: o.Tree, Fingerprint: o.Fingerprint})
	}
	return req
}

// budget is what a conversion may use: the command line before the spec.
func (s *Session) budget(p *Prepared) (memory int64, workers int) {
	memory, workers = p.Compute.Memory, p.Compute.Workers
	if s.Memory > 0 {
		memory = s.Memory
	}
	if memory == 0 {
		memory = spec.DefaultMemory
	}
	if s.Workers > 0 {
		workers = s.Workers
	}
	return memory, workers
}
