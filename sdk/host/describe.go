package host

import (
	"context"
	"fmt"

	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/internal/wire"
)

// Describe is the first call. A plugin that gives itself another name than
// the Command's is refused.
func (p *Process) Describe(ctx context.Context, req sdk.DescribeRequest) (resp *sdk.DescribeResponse, err error) {
	err = p.call(ctx, "describing itself", p.timeouts.Describe, func(ctx context.Context) error {
		m, err := wire.EncodeDescribeRequest(req)
		if err != nil {
			return errMessage{err}
		}
		answer, err := p.converter.Describe(ctx, m)
		if err != nil {
			return err
		}
		if resp, err = wire.DecodeDescribeResponse(answer); err != nil {
			return errMessage{err}
		}
		if p.child != nil && resp.Name != p.name {
			return errMessage{fmt.Errorf("it says that its name is %q", resp.Name)}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return resp, nil
}
