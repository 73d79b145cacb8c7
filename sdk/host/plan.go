package host

import (
	"context"

	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/internal/wire"
)

// Plan is the second call. What is wrong with a spec or a checkpoint stands in
// the response's diagnostics; an error is a fault of the plugin. The plan is
// well formed and no more: plan.Check has yet to prove it.
func (p *Process) Plan(ctx context.Context, req sdk.PlanRequest) (resp *sdk.PlanResponse, err error) {
	err = p.call(ctx, "planning "+quoted(req.Conversion), p.timeouts.Plan, func(ctx context.Context) error {
		m, err := wire.EncodePlanRequest(req)
		if err != nil {
			return errMessage{err}
		}
		answer, err := p.converter.Plan(ctx, m)
		if err != nil {
			return err
		}
		if resp, err = wire.DecodePlanResponse(answer, &req); err != nil {
			return errMessage{err}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}

func quoted(conversion string) string {
	if conversion == "" {
		return "a conversion"
	}
	return `conversion "` + conversion + `"`
}
