// Package engine executes a checked plan: it reads the sources' chunks as
// streams, computes, and writes every output element once, within a ceiling of
// memory that does not depend on the size of the model.
//
// # The way of an element
//
//	chunk ──stream──► slab ──tiles──► window ──runs──► Sink
//	                 (bytes)  (float32) (output order)
//
// A slab is a stretch of a chunk in storage order, 2 MiB or so of whole rows. A
// tile is a part of a slab that fits the second-level cache: it is decoded to
// float32, the terms of its merge are added by core/kernel, the steps follow,
// it is rounded once to the output's type and moved to its place in a window.
// A window is a stretch of the stream so long that its image in the outputs
// consists of long runs; it is written when it is complete. Where nothing is
// computed and the types agree, bytes go from slab to window as they are.
//
// # Adapters first
//
// The operands of all terms are brought into the order in which the kernel
// reads them before the first base chunk is opened: by the same machinery, as
// if they were outputs (operands.go). They stay in memory if they fit their
// share, else in a scratch file.
//
// # Groups
//
// Chunks whose images interleave, such as a gate's and an up projection's in
// one fused tensor, form a group, which is read in lock-step (group.go). The
// window of a group and its cost are settled before anything is read
// (ladder.go), so that no allocation depends on luck.
//
// # What holds whatever the tiles, workers and memory
//
// The output's bytes, the faults that are found, and the measures in Stats:
// each element is computed from its own inputs alone, and sums are exact
// (measure.go, exact.go).
//
// # What is not promised
//
// The engine does not know a format, a header, a file name or a tensor's
// meaning, and it judges no plan: it runs what plan.Check has passed. Only cmd
// imports it.
package engine
