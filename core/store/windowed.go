package store

import (
	"cmp"
	"os"
	"slices"
	"sync"
	"sync/atomic"
)

// WindowedFile writes at offsets and keeps the page cache out of the way:
// large writes go past it, as far as they are whole blocks. What else was
// written is sent to the disk window by window, and long stretches of it are
// dropped from memory once they are there. Without that, writing a large output
// costs more in fresh page-cache pages than in computation. Short stretches stay:
// their neighbours will come, and a page that they share would have to be read
// back from the disk if it were dropped. It may be used by several goroutines.
//
// No page is written in both ways, for none of those that the cache holds is
// wholly within one large write; so neither way sees stale bytes of the other.
type WindowedFile struct {
	f      *os.File
	window int64
	direct atomic.Pointer[directFile] // nil: all writes go through the cache

	mu      sync.Mutex
	bytes   int64
	current []span // written since the last flush began
	flying  []span // being written back
	dropped []span // of these, what is dropped then
	failed  error  // of the disk: every later call reports it
}

type span struct{ from, to int64 }

// DefaultWindow is how many bytes are written between two flushes.
const DefaultWindow = 64 << 20

// NewWindowedFile wraps f. The caller closes both, this one first.
func NewWindowedFile(f *os.File) *WindowedFile {
	w := &WindowedFile{f: f, window: DefaultWindow}
	w.direct.Store(newDirect(f))
	return w
}

// Close lets go of what it holds beside the file that it was given. Nothing may
// be written while it runs; later writes are possible, and slower.
func (w *WindowedFile) Close() error {
	if d := w.direct.Swap(nil); d != nil {
		return d.f.Close()
	}
	return nil
}

// WriteAt writes p at off. An error may be that of an earlier write that the
// disk refused since; the file is then to be thrown away, for the kernel
// reports such an error once, and a sync that follows may succeed.
func (w *WindowedFile) WriteAt(p []byte, off int64) (int, error) {
	d := w.direct.Load()
	if d == nil || len(p) < directLeast {
		return w.cached(p, off)
	}
	head, blocks := split(off, len(p))
	n, err := w.cached(p[:head], off)
	if err != nil {
		return n, err
	}
	k, err := d.writeAt(p[head:head+blocks], off+int64(head))
	n += k
	if err != nil && refusedDirect(err) {
		w.direct.Store(nil) // others may still hold it: the collector closes it
	} else if err != nil {
		return n, w.fail(err)
	}
	k, err = w.cached(p[n:], off+int64(n))
	return n + k, err
}

// cached writes through the page cache.
func (w *WindowedFile) cached(p []byte, off int64) (int, error) {
	n, err := w.f.WriteAt(p, off)
	w.mu.Lock()
	defer w.mu.Unlock()
	if n > 0 {
		w.current = extend(w.current, span{off, off + int64(n)})
	}
	if w.bytes += int64(n); w.bytes >= w.window || len(w.current) >= maxSpans {
		w.bytes = 0
		w.turn()
	}
	return n, w.keep(err)
}

// Sync makes everything durable. It fails if any write before it did.
func (w *WindowedFile) Sync() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bytes = 0
	w.turn()
	w.turn()
	return w.keep(w.f.Sync())
}

// keep keeps the first error, and returns it. The caller holds the lock.
func (w *WindowedFile) keep(err error) error {
	if w.failed == nil {
		w.failed = err
	}
	return w.failed
}

func (w *WindowedFile) fail(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.keep(err)
}

// turn waits for the window before, drops it, and starts the current one.
func (w *WindowedFile) turn() {
	for _, s := range w.flying {
		_ = w.keep(waitWriteback(w.f, s.from, s.to-s.from))
	}
	for _, s := range w.dropped {
		dropCache(w.f, s.from, s.to-s.from)
	}
	w.flying, w.current = w.current, w.flying[:0]
	w.flying = join(w.flying, 0)
	w.dropped = w.dropped[:0]
	for _, s := range w.flying {
		if s.to-s.from >= directLeast {
			w.dropped = append(w.dropped, s)
		}
	}
	w.flying = join(w.flying, 64<<10)
	for _, s := range w.flying {
		_ = w.keep(startWriteback(w.f, s.from, s.to-s.from))
	}
}

// maxSpans bounds what is remembered of a window.
const maxSpans = 1 << 15

// extend appends s, or grows the last span when s follows it.
func extend(list []span, s span) []span {
	if n := len(list); n > 0 && list[n-1].to == s.from {
		list[n-1].to = s.to
		return list
	}
	return append(list, s)
}

// join sorts spans and merges those that touch or lie within gap.
func join(list []span, gap int64) []span {
	slices.SortFunc(list, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	out := list[:0]
	for _, s := range list {
		if n := len(out); n > 0 && s.from <= out[n-1].to+gap {
			out[n-1].to = max(out[n-1].to, s.to)
			continue
		}
		out = append(out, s)
	}
	return out
}
