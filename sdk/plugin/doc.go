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
// Programs import this package. Package core, the packages that hold a
// framework's knowledge (plugins/...) and sdk/host must not. It promises
// nothing about what crosses the process border; that is loraconv.proto.
package plugin
