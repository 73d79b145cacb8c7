// Package openpi knows OpenPI's checkpoints: pi0, pi0.5 and pi0-FAST as its
// JAX trainer saves them, with LoRA on the language model, on the action
// expert, on both or on neither.
//
// What it knows stands in rules.hcl. The Go code beside it reads off the tree
// what the rows depend on (which of the three models it is, the size of the
// vocabulary), resolves the LoRA's alpha, which no checkpoint holds, and
// writes config.json.
package openpi
