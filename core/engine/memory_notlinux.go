//go:build unix && !linux

package engine

func wantHugePages([]byte) {}
