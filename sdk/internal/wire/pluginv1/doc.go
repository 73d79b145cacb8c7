// Package pluginv1 is generated from loraconv.proto and holds nothing else.
// Only package wire and the two halves of the protocol, sdk/host and
// sdk/plugin, import it. It promises nothing beyond the protocol itself.
package pluginv1

// protoc 3.21.12, protoc-gen-go v1.36.12, protoc-gen-go-grpc v1.6.2.
//
//go:generate protoc -I .. --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative loraconv.proto
