package worker

import (
	"context"

	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/sdk"
)

// Estimate works out what executing r would need and how it would be done,
// from manifests and chunk lists alone. r needs Sources, Memory and Workers.
func Estimate(ctx context.Context, p *plan.Plan, r *sdk.ExecuteRequest) (engine.Report, error) {
	s, err := openSources(ctx, p, r)
	if err != nil {
		return engine.Report{}, err
	}
	defer s.close()
	return engine.Estimate(p, s.readers(), r.Memory, r.Workers)
}
