package zframe

import "math/bits"

// fseTable is a decoding table of a finite state code (RFC 8878, 4.1.1).
type fseTable struct {
	log     int
	entries []fseEntry // 1 << log
}

type fseEntry struct {
	symbol uint8
	bits   uint8  // to read for the next state
	next   uint16 // what they are added to
}

// readCounts decodes the description of a table: how often each symbol stands
// in it, -1 for less than once. It returns the bytes that this took.
func readCounts(src []byte, counts []int16, maxLog int) (n, log, used int, err error) {
	f := forward{src: src}
	log = f.peek(4) + 5
	f.at += 4
	if log > maxLog {
		return 0, 0, 0, corrupt("a state table of %d bits, at most %d are allowed", log, maxLog)
	}
	left := 1 << log
	for left > 0 {
		if n == len(counts) {
			return 0, 0, 0, corrupt("a state table of more than %d symbols", len(counts))
		}
		// Values from 0 up to left + 1; those below short need a bit less.
		width := bits.Len(uint(left + 1))
		short := 1<<width - 1 - (left + 1)
		v := f.peek(width)
		if low := v & (1<<(width-1) - 1); low < short {
			v = low
			f.at += width - 1
		} else {
			if v >= 1<<(width-1) {
				v -= short
			}
			f.at += width
		}
		counts[n] = int16(v - 1)
		n++
		if left -= max(v-1, 1-v); v != 1 {
			continue
		}
		for more := 3; more == 3; { // runs of symbols that do not occur
			more = f.peek(2)
			f.at += 2
			if n+more > len(counts) {
				return 0, 0, 0, corrupt("a state table of more than %d symbols", len(counts))
			}
			clear(counts[n : n+more])
			n += more
		}
	}
	if left < 0 || f.bytes() > len(src) {
		return 0, 0, 0, corrupt("a state table that does not add up")
	}
	return n, log, f.bytes(), nil
}

// build fills the table from counts, which add up to 1 << log.
func (t *fseTable) build(counts []int16, log int) error {
	size := 1 << log
	t.log = log
	if cap(t.entries) < size {
		t.entries = make([]fseEntry, size)
	}
	t.entries = t.entries[:size]
	var next [256]uint16
	high := size
	for s, c := range counts {
		next[s] = uint16(c)
		if c == -1 {
			high--
			t.entries[high].symbol = uint8(s)
			next[s] = 1
		}
	}
	at, step := 0, size>>1+size>>3+3
	for s, c := range counts {
		for range max(c, 0) {
			t.entries[at].symbol = uint8(s)
			for at = (at + step) & (size - 1); at >= high; {
				at = (at + step) & (size - 1)
			}
		}
	}
	if at != 0 {
		return corrupt("a state table that does not come round")
	}
	for i := range t.entries {
		e := &t.entries[i]
		x := next[e.symbol]
		next[e.symbol]++
		e.bits = uint8(log - (bits.Len16(x) - 1))
		e.next = x<<e.bits - uint16(size)
	}
	return nil
}

// single makes a table that always gives s.
func (t *fseTable) single(s uint8) {
	t.log, t.entries = 0, append(t.entries[:0], fseEntry{symbol: s})
}

// step moves state on.
func (t *fseTable) step(state int, b *backward) int {
	e := t.entries[state]
	return int(e.next) + b.read(int(e.bits))
}
