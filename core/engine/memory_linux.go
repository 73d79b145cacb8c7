package engine

import "golang.org/x/sys/unix"

// wantHugePages asks for pages of 2 MiB, where they fit into b: a slab that is
// transposed into a window visits a page for each of its columns. What is
// resident does not exceed b.
func wantHugePages(b []byte) { _ = unix.Madvise(b, unix.MADV_HUGEPAGE) }
