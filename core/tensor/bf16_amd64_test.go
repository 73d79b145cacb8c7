//go:build !purego

package tensor

import "testing"

// TestNarrowPathsEqual is TestBulkPathsEqual for what a machine with AVX-512 does
// not choose.
func TestNarrowPathsEqual(t *testing.T) {
	defer func(was bool) { hasAVX512 = was }(hasAVX512)
	hasAVX512 = false
	encodersEqual(t, encodeBF16, encodeBF16Portable)
	decodersEqual(t, decodeBF16, decodeBF16Portable)
}
