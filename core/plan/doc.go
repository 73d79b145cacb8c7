// Package plan is a conversion as data: one line for each output tensor, an
// expression over source tensors in a small closed grammar; which source
// elements are dropped and why; which files are copied and written.
//
//	source    a tensor of a named source; index fixes axes first
//	merge     base + sum over terms of scale * einsum(a, b)
//	rearrange einops-style: split, permute and merge axes
//	concat    joins along an axis          slice   a range of an axis
//	affine    times or divided by a factor, then plus an offset
//	fill      a constant, for tensors that are required and never used
//
// The package parses, infers, checks, lowers, encodes, prints and explains
// plans. Anything may import it. It knows no clock, path, environment or
// randomness: the same inputs give the same bytes.
//
// Check is the strictness of loraconv: it proves that every element of every
// source is used or dropped for a stated reason, and every output name is made
// once. The host runs it on whatever a plugin returned.
package plan
