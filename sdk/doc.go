// Package sdk is what a plugin author reads. A plugin knows one training
// framework. It is a process of its own; it never computes and never reads
// weights. It answers two questions:
//
//	Describe  which arguments do your source and output blocks take?
//	Plan      given these arguments and these manifests, what is to be
//	          computed?
//
// and answers the second with a plan (package core/plan): one expression over
// source tensors for each output tensor. Most plugins write none of that by
// hand: they embed a table of rules and let package sdk/rules expand it.
//
//	func main() { plugin.Serve(myframework.Converter{}) } // sdk/plugin
//
// The host checks whatever a plugin returns: shapes, names, and that every
// element of every source is used or dropped for a stated reason.
package sdk
