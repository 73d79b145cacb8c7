// Package wire is what the two halves of the plugin protocol share: the
// handshake, the limits, and for each call the translation between the plain
// structures of package sdk and the messages of loraconv.proto.
//
// The host speaks first, in each of the three calls; the other side answers
// and never asks back. One call is one word is one file in this package, in
// sdk/host and in sdk/plugin: describe.go, plan.go, execute.go.
//
//	host                    wire                     plugin
//	Process.Plan  ─► EncodePlanRequest  ═gRPC═ DecodePlanRequest  ─► Converter.Plan
//	              ◄─ DecodePlanResponse ═gRPC═ EncodePlanResponse ◄─
//
// Every Decode function believes nothing: documents are read strictly, and
// what can be checked without knowing the conversion is checked here.
//
// sdk/host, sdk/plugin and sdk/sdktest import this package. Nobody else may,
// least of all a plugin or core. It promises nothing to them but the protocol:
// its Go API changes without notice.
package wire
