package engine

import "sync"

// cache holds operands that were read from the scratch file, the most recently
// used ones. Its limit is at least what all workers need at one time.
type cache struct {
	mu      sync.Mutex
	arena   *arena
	limit   int64
	size    int64
	clock   int64
	entries map[span]*entry
}

type entry struct {
	buf   []byte
	ready chan struct{} // closed when buf is filled or err is set
	err   error
	refs  int
	used  int64
}

func (c *cache) get(i span, fill func(span, []float32) error) ([]float32, error) {
	c.mu.Lock()
	c.clock++
	if e := c.entries[i]; e != nil {
		e.refs++
		e.used = c.clock
		c.mu.Unlock()
		<-e.ready
		if e.err != nil {
			c.put(i)
			return nil, e.err
		}
		return floatsOf(e.buf), nil
	}
	need := 4 * int64(i.rows) * int64(i.cols)
	c.evict(pages(need))
	e := &entry{ready: make(chan struct{}), refs: 1, used: c.clock}
	if c.entries == nil {
		c.entries = map[span]*entry{}
	}
	c.entries[i] = e
	e.buf, e.err = c.arena.get(int(need))
	c.size += int64(cap(e.buf)) // whole pages: a span of a few columns is short
	c.mu.Unlock()
	if e.err == nil {
		e.err = fill(i, floatsOf(e.buf))
	}
	close(e.ready)
	if e.err != nil {
		c.put(i)
		return nil, e.err
	}
	return floatsOf(e.buf), nil
}

// evict makes room for need bytes, as far as entries are not in use.
func (c *cache) evict(need int64) {
	for c.size+need > c.limit {
		var oldest *entry
		var at span
		for i, e := range c.entries {
			if e.refs == 0 && (oldest == nil || e.used < oldest.used) {
				oldest, at = e, i
			}
		}
		if oldest == nil {
			return
		}
		c.drop(at)
	}
}

func (c *cache) drop(i span) {
	e := c.entries[i]
	c.size -= int64(cap(e.buf))
	c.arena.put(e.buf)
	delete(c.entries, i)
}

func (c *cache) put(i span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.entries[i].refs--
}

// clear gives all buffers back.
func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.entries {
		c.drop(i)
	}
}
