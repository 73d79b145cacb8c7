//go:build unix

package guard

import (
	"testing"

	"golang.org/x/sys/unix"
)

// Side is where memory meets a page that cannot be touched.
type Side bool

const (
	Begin Side = false // its first byte follows one; so it begins with a page
	End   Side = true  // its last byte precedes one; so it begins anywhere
)

// Sides are both.
var Sides = []Side{Begin, End}

// Room is memory between two pages that cannot be touched, whole pages of it.
type Room []byte

// New returns a room of at least n bytes, for as long as t runs.
func New(t testing.TB, n int) Room {
	t.Helper()
	page := unix.Getpagesize()
	size := (n + page - 1) / page * page
	all, err := unix.Mmap(-1, 0, size+2*page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(all) })
	for _, beside := range [][]byte{all[:page], all[page+size:]} {
		if err := unix.Mprotect(beside, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return all[page : page+size]
}

// Bytes returns n bytes of r at that side.
func (r Room) Bytes(n int, s Side) []byte {
	if s == Begin {
		return r[:n:n]
	}
	return r[len(r)-n : len(r) : len(r)]
}
