// Package gen makes the checkpoints that the benchmark converts: trees of
// openpi's and MaxText's models at real or at small sizes, with random weights,
// written as Orbax writes them and as a stream, so that neither disk formats nor sizes are
// make-believe. The same sizes give the same bytes on every machine.
//
// Only testing code imports it. The weights mean nothing: they have the spread
// of trained ones (that decides how well zstd packs them), and no structure.
package gen
