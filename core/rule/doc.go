// Package rule is the row notation: what a framework's parameters are called,
// what their axes mean, how LoRA folds into them and what they become, as
// data. Plugins embed tables of rows; a spec may add some.
//
//	rule "attention_output" {
//	  source = "PaliGemma/llm/layers/attn/attn_vec_einsum{expert}/w"
//	  axes   = "l n h d"
//	  size   = { m = n }
//	  lora {
//	    a      = "{parent}/lora_a"
//	    b      = "{parent}/lora_b"
//	    einsum = "l n h r, l m r d -> l n h d"
//	    scale  = attention_scale
//	  }
//	  to     = "d (n h)"
//	  target = "{tower}.layers.{l}.self_attn.o_proj.weight"
//	}
//
// The package parses and prints; it knows no manifest. Package sdk/rules
// brings rows and manifests together.
//
// # Letters and captures
//
// Axes have names, letters, of one or more characters. A letter that stands
// in the target's name takes the tensor apart along that axis; a letter in the
// source's name stacks tensors, one for each of the letter's names. A letter
// has one size wherever the same captures hold. A capture, {expert}, stands
// for one of the values that the table declares for it.
//
// # Blocks
//
//	block "layer" {
//	  at "decoder/layers/layers_{b}"  { stack = "j", l = 6*j + b }
//	  at "decoder/layers_remainder/layers_{r}" { l = 6*count("j") + r }
//	}
//
// (each argument on a line of its own.) {layer} in a source stands for every
// place that the checkpoint has, so that one row serves stacked and unstacked
// checkpoints. A row writes the axes of one instance; the stack letters are
// inserted into base, bias, A and B alike. {l} in a target is a letter of the
// place, and may be a formula: {2*l + 1}. Where layers are not alike,
// own = "h" in the block gives each of its instances a size of h of its own.
//
// # Tables that include others
//
//	include = ["attention", "mlp"]
//
// takes over what those tables say; of one name, the including table's own
// counts. Resolve makes one text of them, which Parse reads.
//
// # Axes
//
//	d n (half two)               an axis that is made of two, outermost first
//	d (g (q + k + v))            segments: q, k and v side by side
//	((g q) + (g k)) d            an output that joins segments
//	(p + q) d                    with parts "d p" and "d q": an output that joins sources
//	(v + pad) d                  with to = "v d", the row must say why pad is dropped
//	1 p v                        an axis of size 1
package rule
