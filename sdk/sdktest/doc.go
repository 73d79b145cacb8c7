// Package sdktest is the test kit of a plugin's author.
//
//	func TestConformance(t *testing.T) {
//		sdktest.Conformance(t, myframework.Converter{}, request)
//	}
//
// Harness puts a real gRPC connection between a test and a Converter, in
// memory, so that a test meets what the host will meet: arguments that have
// been JSON, messages with limits, documents that are read strictly.
// Conformance asks what the host relies on: that a plan depends on nothing but
// the request, and that no parameter can vanish, change its name or be added
// without a word.
//
// Tests import this package; nothing else does. That a converter passes says
// nothing about its formulas: those want an oracle of the framework's own
// equations.
package sdktest
