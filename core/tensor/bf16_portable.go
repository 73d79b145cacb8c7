//go:build amd64 || arm64

package tensor

func encodeBF16(dst []uint16, src []uint32) { encodeBF16Portable(dst, src) }
