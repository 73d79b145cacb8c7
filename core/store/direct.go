package store

import (
	"os"
	"unsafe"
)

// Writes past the page cache, where the system has them.
const (
	directBlock = 4 << 10 // what offsets, lengths and addresses must be multiples of
	directRoom  = 2 << 20 // bytes that are handed over at one time
	directLeast = 256 << 10
	directRooms = 2 // writers at one time, of all files; more only wait for the same disk
)

// directFile writes whole blocks straight to the disk. That costs a fifth of
// the CPU of the page cache's fresh pages, and leaves the cache to what is
// read. It may be used by several goroutines.
type directFile struct {
	f     *os.File
	rooms chan []byte // nil until first used
}

// allRooms are the rooms of all directFiles, so that what they hold does not
// grow with the number of files.
var allRooms = func() chan []byte {
	c := make(chan []byte, directRooms)
	for range directRooms {
		c <- nil
	}
	return c
}()

// newDirect returns nil where f's file system has no such writes.
func newDirect(f *os.File) *directFile {
	g := openDirect(f, os.O_WRONLY)
	if g == nil {
		return nil
	}
	return &directFile{f: g, rooms: allRooms}
}

// split says how many bytes of a write of n bytes at off come before the first
// whole block, and how many lie in whole blocks.
//
//	off ──head──┬──── blocks ────┬──tail──
//	            4096·i           4096·k
func split(off int64, n int) (head, blocks int) {
	head = int(-off & (directBlock - 1))
	if head >= n {
		return n, 0
	}
	return head, (n - head) &^ (directBlock - 1)
}

// writeAt writes p, whole blocks at a whole block: as it lies, if it is aligned
// in memory, too, else by way of a buffer that is. It returns how much of p is
// written.
func (d *directFile) writeAt(p []byte, off int64) (n int, err error) {
	if len(p) > 0 && uintptr(unsafe.Pointer(&p[0]))%directBlock == 0 {
		return d.f.WriteAt(p, off)
	}
	room := <-d.rooms
	if room == nil {
		room = aligned(directRoom)
	}
	defer func() { d.rooms <- room }()
	for n < len(p) {
		part := room[:copy(room, p[n:])]
		k, err := d.f.WriteAt(part, off+int64(n))
		n += k
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// aligned returns n bytes that begin at a block in memory. What the Go heap
// hands out does not move.
func aligned(n int) []byte {
	b := make([]byte, n+directBlock)
	at := int(-uintptr(unsafe.Pointer(&b[0])) & (directBlock - 1))
	return b[at : at+n : at+n]
}
