//go:build arm64 || purego

package tensor

func encodeF16(dst []uint16, src []uint32) { encodeF16Portable(dst, src) }

func decodeF16(dst []uint32, src []uint16) { decodeF16Portable(dst, src) }
