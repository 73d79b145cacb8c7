package engine

import (
	"fmt"
	"sync"
)

// arena hands out large buffers. Buffers that come back are kept for the next
// one of about the same size: a page that is touched for the first time costs
// more than what is done with it.
type arena struct {
	mu    sync.Mutex
	limit int // bytes kept and handed out, as far as that can be held
	total int
	spare int // bytes handed out beyond what was asked for
	free  [][]byte
}

// maxSpare bounds arena.spare: nothing counts these bytes but the process's
// reserve.
const maxSpare = 4 << 20

// get returns n bytes of any content, aligned to a page.
func (a *arena) get(n int) ([]byte, error) {
	size := int(pages(int64(n)))
	a.mu.Lock()
	defer a.mu.Unlock()
	best := -1
	for i, b := range a.free {
		if c := cap(b); c >= size && c <= size+min(size/8, maxSpare-a.spare) && (best < 0 || c < cap(a.free[best])) {
			best = i
		}
	}
	if best >= 0 {
		b := a.free[best]
		a.free = append(a.free[:best], a.free[best+1:]...)
		a.spare += cap(b) - size
		return b[:n], nil
	}
	for len(a.free) > 0 && a.total+size > a.limit {
		a.release(len(a.free) - 1)
	}
	b, err := mapMemory(size)
	if err != nil {
		return nil, fmt.Errorf("no memory for a buffer of %d bytes: %w", size, err)
	}
	a.total += size
	return b[:n], nil
}

// put takes a buffer back, as long as get gave it.
func (a *arena) put(b []byte) {
	if b == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spare -= cap(b) - int(pages(int64(len(b))))
	a.free = append(a.free, b[:cap(b)])
	for a.total > a.limit && len(a.free) > 0 {
		a.release(0)
	}
}

func (a *arena) release(i int) {
	b := a.free[i]
	a.free = append(a.free[:i], a.free[i+1:]...)
	a.total -= cap(b)
	unmapMemory(b)
}

// close gives everything that came back to the system.
func (a *arena) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.free) > 0 {
		a.release(len(a.free) - 1)
	}
}

// pages is n bytes in whole pages, one at least.
func pages(n int64) int64 { return max(1, (n+1<<12-1)>>12) << 12 }
