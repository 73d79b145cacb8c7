package plugin

import (
	"bytes"
	"context"
	"runtime/debug"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Lines of a stack that travel with a panic. The whole stack may be far
// longer than gRPC's trailers may be.
const (
	stackLines = 24
	stackBytes = 8 << 10
)

// recovering turns a panic in a call into an error of that call. A panic in a
// goroutine that the call started ends the process, which the host sees, too.
// first runs before any call does.
func recovering(first func()) []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.ChainUnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (resp any, err error) {
			first()
			defer caught(&err)
			return h(ctx, req)
		}),
		grpc.ChainStreamInterceptor(func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, h grpc.StreamHandler) (err error) {
			first()
			defer caught(&err)
			return h(srv, ss)
		}),
	}
}

func caught(err *error) {
	if r := recover(); r != nil {
		*err = status.Errorf(codes.Internal, "panic: %v\n%s", r, shortStack(debug.Stack()))
	}
}

// shortStack leaves out the frames of the recovery itself.
func shortStack(s []byte) []byte {
	if i := bytes.Index(s, []byte("\npanic(")); i >= 0 {
		s = s[i+1:]
		for range 2 {
			_, s, _ = bytes.Cut(s, []byte("\n"))
		}
	}
	lines := bytes.SplitAfterN(s, []byte("\n"), stackLines+1)
	if len(lines) > stackLines {
		lines = lines[:stackLines]
	}
	s = bytes.Join(lines, nil)
	return s[:min(len(s), stackBytes)]
}
