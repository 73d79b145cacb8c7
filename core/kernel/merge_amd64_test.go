//go:build !purego

package kernel

import "golang.org/x/sys/cpu"

func init() {
	if cpu.X86.HasAVX2 {
		implementations["AVX2"] = mergeAVX2
	}
	if hasAVX512 {
		implementations["AVX-512"] = mergeAVX512
	}
}
