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
//
// # A worked example
//
// examples/plugin-pocket is a whole plugin for a made-up framework, with its
// spec and its checkpoint; the tests run it from end to end. Its knowledge is
// two rows:
//
//	block "layer" {
//	  own = "i o" # layers differ in their widths
//
//	  at "layers_{l}" {}
//	}
//
//	rule "kernel" {
//	  source = "{layer}/kernel"
//	  axes   = "i o"
//	  lora {
//	    a      = "{layer}/lora_a"
//	    b      = "{layer}/lora_b"
//	    einsum = "i r, r o -> i o"
//	    scale  = alpha / r
//	  }
//	  to     = "o i"
//	  target = "layers.{l}.weight"
//	}
//
// and its Converter fills a rules.Input with the request and the facts that no
// row can know, here alpha:
//
//	res, err := rules.Expand(rules.Input{Table: table, Sources: req.Sources, Method: method, DType: dtype,
//		Targets: req.Rules, Facts: map[string]cty.Value{"alpha": cty.NumberFloatVal(alpha)}})
//
// Package sdktest has what its tests need.
//
// # Installing it
//
// A spec names the plugin, and the same name is the label of its sources:
//
//	loraconv {
//	  required_plugins {
//	    pocket = { source = "example.com/lab/pocket", version = "~> 0.1" }
//	  }
//	}
//
// Its executable lies below one of a few fixed places, first of them
// $LORACONV_PLUGINS_DIR and ~/.local/share/loraconv/plugins, as
//
//	example.com/lab/pocket/0.1.0/linux_amd64/loraconv-plugin-pocket
//
// and `loraconv init` pins its SHA-256 in .loraconv.lock.hcl beside the spec
// (package core/lock). The host executes those bytes and no others. While you
// write a plugin, LORACONV_PLUGIN_POCKET=/path/to/binary takes its place, with a
// warning on each run.
//
// On Linux an external plugin may map 4 GiB and open 256 files. It gets none of
// the host's environment but TMPDIR and Go's debugging variables, and an empty
// working directory. It still runs with its user's rights: what is pinned is
// trusted.
//
// A plugin may be written in any language that has gRPC: package sdk/plugin
// says what a process must do, and loraconv.proto what is said. A script runs if
// its first line names its interpreter; the lock file then pins the script and
// not the interpreter.
package sdk
