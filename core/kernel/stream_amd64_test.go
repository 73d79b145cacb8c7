//go:build !purego

package kernel

import "testing"

func TestWholeLines(t *testing.T) {
	for _, tt := range []struct {
		at          uintptr
		n           int
		head, lines int
	}{
		{0, 0, 0, 0},
		{0, 63, 0, 0},
		{0, 64, 0, 1},
		{640, 256, 0, 4},
		{0, 65, 0, 0}, // short, and ends within a line
		{32, 96, 32, 0},
		{32, 16, 32, 0},
		{0, 4095, 0, 0},
		{0, 4096, 0, 64},
		{0, 4097, 0, 64},
		{1, 4096, 63, 63},
		{63, 4161, 1, 65},
	} {
		if head, lines := wholeLines(tt.at, tt.n); head != tt.head || lines != tt.lines {
			t.Errorf("%d bytes at %d: %d, then %d lines; wanted %d and %d", tt.n, tt.at, head, lines, tt.head, tt.lines)
		}
	}
}
