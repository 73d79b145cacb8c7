package zframe

// history is the last bytes that were decoded before the current buffer.
type history struct {
	ring []byte // as long as the window
	at   int    // where the next byte goes
	n    int    // how many there are
}

func (h *history) reset(window int) {
	if cap(h.ring) < window {
		h.ring = make([]byte, window)
	}
	h.ring, h.at, h.n = h.ring[:window], 0, 0
}

// add takes p in.
func (h *history) add(p []byte) {
	if len(p) > len(h.ring) {
		p = p[len(p)-len(h.ring):]
	}
	h.n = min(h.n+len(p), len(h.ring))
	for len(p) > 0 {
		k := copy(h.ring[h.at:], p)
		p = p[k:]
		if h.at += k; h.at == len(h.ring) {
			h.at = 0
		}
	}
}

// copy copies bytes that begin back from the end to p, as many as lie together,
// at most back.
func (h *history) copy(p []byte, back int) int {
	from := h.at - back
	if from < 0 {
		from += len(h.ring)
	}
	return copy(p[:min(len(p), back)], h.ring[from:])
}
