// Package inspect says what a checkpoint holds: every tree, parameter and text
// leaf, the pairs of LoRA factors among them, and what a person should be
// warned of. It reads metadata, and weights only when digests are asked for.
//
// What it says of LoRA follows from names alone and decides nothing: whether a
// pair can be merged, and how, is a plugin's knowledge and the ledger's proof.
package inspect
