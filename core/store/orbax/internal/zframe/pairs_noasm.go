//go:build !amd64 || purego

package zframe

var hasPairs = false

func (h *huffman) decodePairs(dst, src []byte, s *[4]stream) {}
