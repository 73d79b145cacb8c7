//go:build arm64 || purego

package tensor

func encodeBF16(dst []uint16, src []uint32) { encodeBF16Portable(dst, src) }

func decodeBF16(dst []uint32, src []uint16) { decodeBF16Portable(dst, src) }
