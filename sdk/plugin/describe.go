package plugin

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/loraconv/loraconv/sdk/internal/wire"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

// Describe answers the host's first call.
func (s *converter) Describe(ctx context.Context, m *pb.DescribeRequest) (*pb.DescribeResponse, error) {
	req, err := wire.DecodeDescribeRequest(m)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	resp, err := s.c.Describe(ctx, req)
	if err != nil {
		return nil, own(err)
	}
	out, err := wire.EncodeDescribeResponse(resp)
	if err != nil {
		return nil, own(err)
	}
	return out, nil
}

// own is the plugin's own fault.
func own(err error) error { return status.Error(codes.Unknown, short(err)) }

// short cuts a text that gRPC carries in a header.
func short(err error) string {
	s := err.Error()
	if len(s) > stackBytes {
		s = s[:stackBytes] + " …"
	}
	return s
}
