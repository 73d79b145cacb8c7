// Package maxtext knows MaxText's checkpoints: base models and LoRA adapters,
// as its trainers and Tunix save them, and what they are called in Hugging
// Face's models.
//
// What it knows of a model family stands in families/*.hcl, one table a
// family, and in families/shared what several have in common. The Go code beside it finds the parameters in a checkpoint's tree,
// resolves what the rows depend on (alpha, the layer axis, the vocabulary), and
// compares the result with the template.
package maxtext
