//go:build arm64 || purego

package tensor

func finitePrefix([]byte, uint64, uint64, uint64) int { return 0 }
