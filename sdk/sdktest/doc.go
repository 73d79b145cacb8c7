// Package sdktest is the test kit of a plugin's author.
//
//	func TestConformance(t *testing.T) {
//		sdktest.Conformance(t, myframework.Converter{}, request)
//	}
//
// Checkpoint is a tiny checkpoint that is built in code: its Manifest goes into
// a request, its values into the framework's equations, and WriteSafetensors
// makes a source of it that loraconv run reads.
//
// Harness puts a real gRPC connection between a test and a Converter, in
// memory, so that a test meets what the host will meet: arguments that have
// been JSON, messages with limits, documents that are read strictly.
//
// Conformance asks what the host relies on: that a plan depends on nothing but
// the request, and that no parameter can vanish, change its name or be added
// without a word. That a converter passes says nothing about its formulas.
//
// Evaluate is the oracle for those: it computes a plan in float64, to be
// compared with the framework's own equations, which the test writes by hand.
// Golden keeps a plan in a file, so that each change of it is seen.
//
// Tests import this package; nothing else does. examples/plugin-pocket uses all
// of it.
package sdktest
