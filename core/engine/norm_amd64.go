//go:build !purego

package engine

import "golang.org/x/sys/cpu"

var hasAVX2 = cpu.X86.HasAVX2

// squares equals squaresPortable: whole groups of eight in assembly.
func squares(before, after []float32, lanes *[16]float64) {
	n := len(before) &^ 7
	if !hasAVX2 || n == 0 {
		squaresPortable(before, after, lanes)
		return
	}
	_ = after[n-1] // the assembly checks no bounds
	squaresAVX2(&before[0], &after[0], n/8, lanes)
	squaresRest(before[n:], after[n:], lanes)
}

// squaresAVX2 sets lanes to the sums over eights groups of eight floats.
//
//go:noescape
func squaresAVX2(before, after *float32, eights int, lanes *[16]float64)
