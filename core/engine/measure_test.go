package engine

import (
	"math"
	"testing"
)

// TestWorstOutlastsNaN: a block that holds a NaN is measured element by element,
// and the largest error of the blocks before it stays.
func TestWorstOutlastsNaN(t *testing.T) {
	var m measures
	var b stepped64
	b.written[3] = 5
	m.block(&b, 4)
	b.written[3], b.written[0], b.written[1] = math.NaN(), -2, 1
	m.block(&b, 4)
	if m.worst != 5 {
		t.Errorf("the largest error is %g, wanted 5", m.worst)
	}
	b.written[2] = 7
	if m.block(&b, 4); m.worst != 7 {
		t.Errorf("the largest error is %g, wanted 7", m.worst)
	}
}
