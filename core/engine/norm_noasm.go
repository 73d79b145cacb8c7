//go:build !amd64 || purego

package engine

func squares(before, after []float32, lanes *[16]float64) { squaresPortable(before, after, lanes) }
