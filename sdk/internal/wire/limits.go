package wire

import (
	"google.golang.org/grpc"
)

// Limits of the protocol, in bytes. go-plugin alone would let a plugin send
// 2 GiB and would let the host send no more than 4 MiB.
const (
	MaxMessage     = 64 << 20 // one gRPC message, in either direction
	MaxHeader      = 64 << 10 // the header list of one gRPC message
	MaxDescribe    = 8 << 20  // the document of a DescribeResponse
	MaxDiagnostics = 8 << 20  // the document of a list of diagnostics
	MaxEvent       = 9 << 20  // the document of one event; Failed carries diagnostics
	maxText        = 64 << 10 // one text of a diagnostic
	maxList        = 10_000   // diagnostics in a list
	maxDepth       = 64       // of nested JSON
)

// ServerOptions are the options of a plugin's gRPC server, beside those that
// go-plugin gives for TLS.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxSendMsgSize(MaxMessage),
		grpc.MaxHeaderListSize(MaxHeader),
		grpc.MaxConcurrentStreams(32),
	}
}

// DialOptions are the options of the host's connection.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)),
		grpc.WithMaxHeaderListSize(MaxHeader),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
	}
}
