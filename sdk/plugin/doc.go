// Package plugin turns a Converter into a plugin's program:
//
//	func main() { plugin.Serve(myframework.Converter{}) }
//
// That is all an author needs. The host, package sdk/host, starts the program
// and speaks first; this side answers Describe and Plan and never asks back.
// The process lives as long as its host does and no longer.
//
// ServeHost and Executor are for loraconv's own executable: it serves Execute
// beside a bundled plugin, in the same process.
//
// # In another language
//
// A program that is not written in Go does by itself what Serve does, which is
// what hashicorp/go-plugin asks for:
//
//   - Without $LORACONV_PLUGIN, whose value is fixed (see handshake.go of
//     sdk/internal/wire), it was started by hand: it says so and exits with 64.
//
//   - It listens on a Unix socket in $PLUGIN_UNIX_SOCKET_DIR and serves the
//     Converter of loraconv.proto there over gRPC, with messages of up to 64
//     MiB. TLS is mutual: it makes itself a certificate for "localhost", and
//     takes no client but the one of $PLUGIN_CLIENT_CERT, which is PEM.
//
//   - Then it prints one line on stdout, and nothing else there, ever:
//
//     1|1|unix|/path/of/the/socket|grpc|MIIB…
//
//     The first number is go-plugin's; the second is the highest version of this
//     protocol that it speaks of those in $PLUGIN_PROTOCOL_VERSIONS; the last
//     field is its certificate, DER in base64 without padding.
//
//   - What it writes to stderr is logged: lines in hclog's JSON at their own
//     level, {"@level":"warn","@message":"…"}, all others at debug.
//
//   - It ends when the descriptor whose number is $LORACONV_PLUGIN_LIFELINE reads
//     end-of-file: its host has gone. Otherwise its host ends it, with SIGKILL.
//
// go-plugin's own services (health, stdio, broker, controller) may be absent. On
// Windows the socket is one of TCP on 127.0.0.1, and there is no lifeline.
//
// Programs import this package. Package core, the packages that hold a
// framework's knowledge (plugins/...) and sdk/host must not. It promises
// nothing about what crosses the process border; that is loraconv.proto.
package plugin
