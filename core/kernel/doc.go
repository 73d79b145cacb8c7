// Package kernel is the arithmetic of a conversion: the one float32 merge
// kernel, the few steps around it, and the strided copy that moves elements to
// their places.
//
// # The formula
//
//	w[i,j] <- w[i,j] + float32(scale * acc[i,j])
//	acc[i,j] = ((+0 + float32(a[i,0]*b[0,j])) + float32(a[i,1]*b[1,j])) + ...
//
// Every operator is one float32 operation, rounded to nearest even. The
// contraction starts at +0 and its index ascends; a product is rounded before
// it is added, so nothing fuses a multiplication with an addition, on any
// machine. scale is applied to the finished sum. Around it, in this order: Sum
// takes one-sided sums of an operand first; then Merge, once per term; then
// Scale or Div; then Add. MergeNaive is that formula as three loops. It is the
// definition: every other path must equal it bit for bit, whatever the sizes.
//
// Each element of w depends on its own row of a and its own column of b and on
// nothing else. So any cutting of w into slabs gives the same bits.
//
// # Not a number
//
// Hardware differs in the sign and payload of the NaN that an operation makes.
// Each function here writes the one pattern 0x7fc00000 for every NaN result,
// also where the NaN was there before. Move and MoveOut, which compute nothing, keep
// bits.
//
// # Layout
//
// Matrices are row-major, with a leading dimension that may be larger than the
// row, so that a slab of a larger matrix is used in place. Stars are never read
// or written:
//
//	      n = 3                k = 2              n = 3
//	w = [ w w w * * ]    a = [ a a ]        b = [ b b b * ]
//	    [ w w w * * ]        [ a a ]            [ b b b ]
//	    [ w w w ]            [ a a ]
//	m = 3, ldw = 5       lda = 2            k = 2, ldb = 4
//
// Merge works on blocks of columns. The block of b is copied ("packed") into
// the caller's scratch as panels of 16 columns, each contiguous, so that a
// matrix whose rows are a power of two apart does not evict itself from the
// first-level cache:
//
//	panel 0: b[0,0..15] b[1,0..15] ... b[k-1,0..15]
//	panel 1: b[0,16..31] ...
//
// # What is not promised
//
// The kernel does no I/O, starts no goroutine and allocates nothing. It does
// not look for non-finite values; that is tensor.CountNonFinite. A size that
// does not fit its slice is a mistake of the caller, not of an input, and
// panics before anything is written. Only core/engine imports this package.
package kernel
