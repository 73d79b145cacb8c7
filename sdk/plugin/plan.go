package plugin

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/loraconv/loraconv/sdk/internal/wire"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

// Plan answers the host's second call.
func (s *converter) Plan(ctx context.Context, m *pb.PlanRequest) (*pb.PlanResponse, error) {
	req, err := wire.DecodePlanRequest(m)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	resp, err := s.c.Plan(ctx, req)
	if err != nil {
		return nil, own(err)
	}
	out, err := wire.EncodePlanResponse(resp)
	if err != nil {
		return nil, own(err)
	}
	return out, nil
}
