//go:build !purego

package tensor

// finiteBlock is what finiteAVX2 looks at in one go.
const finiteBlock = 128

// finitePrefix returns how many bytes at the beginning of src, in whole
// blocks, hold finite elements only; see countWords for the masks.
func finitePrefix(src []byte, all, low, carry uint64) int {
	n := len(src) / finiteBlock
	if !hasAVX2 || n == 0 {
		return 0
	}
	return finiteAVX2(&src[0], n, all, low, carry) * finiteBlock
}

// finiteAVX2 returns how many of the blocks at src, at least one, come before
// the first that has a word v of which (v&all + low) & carry is not zero.
//
//go:noescape
func finiteAVX2(src *byte, blocks int, all, low, carry uint64) int
