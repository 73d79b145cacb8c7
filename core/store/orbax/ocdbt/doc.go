// Package ocdbt reads OCDBT databases, the key-value store in which Orbax
// keeps the chunks of a checkpoint: a manifest names the root of a B-tree of
// keys; the leaves hold the values or say where in a data file they lie.
//
//	manifest.ocdbt             the configuration, and the versions or
//	manifest.<16 hex digits>   the versions, where manifests are numbered
//	d/<32 hex digits>          nodes and values, end to end, found by
//	                           (file, offset, length) alone
//
// A manifest and every node stands in an envelope with a checksum
// (envelope.go); values have none. The formats are those of TensorStore
// 0.1.36 and later (tensorstore/kvstore/ocdbt/format); the earlier encoding of
// March 2023 shows itself by its length field and is refused.
//
// Every count and length is checked against the bytes that remain before it is
// believed, and every byte of a manifest or node must be used. The work for one
// database is bounded (limits.go), whatever its bytes say: nodes are visited
// once each, heights fall by one, and the keys of a node must lie between the
// keys of its parent.
//
// Only core/store/orbax and its tests import the package. It reads the latest
// version only, and it does not promise that values are intact.
package ocdbt
