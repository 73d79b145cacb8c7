package zframe

import "encoding/binary"

// The three codes of a sequence: how many literals come before the match, how
// long it is, and how far back it begins (3.1.1.3.2.1).
const (
	literalCode = iota
	offsetCode
	matchCode
	seqCodes
)

// extended is a code's value: base, and so many bits to be added.
type extended struct {
	base uint32
	bits uint8
}

func extendedFrom(first uint32, plain int, bits ...uint8) []extended {
	var out []extended
	for range plain {
		out = append(out, extended{first, 0})
		first++
	}
	for _, n := range bits {
		out = append(out, extended{first, n})
		first += 1 << n
	}
	return out
}

var (
	literalValues = extendedFrom(0, 16, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
	matchValues   = extendedFrom(3, 32, 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)
)

const maxOffsetCode = 31

// seqCode describes one of the codes: its symbols, the largest table, and what
// it is where a block says nothing of it.
type seqCode struct {
	symbols, maxLog int
	defaultLog      int
	defaults        []int16
	table           fseTable // of the defaults
}

var seqCodeOf = [seqCodes]seqCode{
	literalCode: {symbols: 36, maxLog: 9, defaultLog: 6, defaults: []int16{
		4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1}},
	offsetCode: {symbols: maxOffsetCode + 1, maxLog: 8, defaultLog: 5, defaults: []int16{
		1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1}},
	matchCode: {symbols: 53, maxLog: 9, defaultLog: 6, defaults: []int16{
		1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		-1, -1, -1, -1, -1, -1, -1}},
}

func init() {
	for i := range seqCodeOf {
		c := &seqCodeOf[i]
		if err := c.table.build(c.defaults, c.defaultLog); err != nil {
			panic("zframe: a default table is wrong")
		}
	}
}

// sequences is what of a frame's sequences outlasts a block.
type sequences struct {
	tables [seqCodes]fseTable
	use    [seqCodes]*fseTable // what is in use: nil, a default, or the frame's own
	recent [3]int              // the last offsets
}

func (s *sequences) reset() { s.use, s.recent = [seqCodes]*fseTable{}, [3]int{1, 4, 8} }

// count decodes the beginning of a sequences section: how many there are.
func countSequences(src []byte) (n, used int, err error) {
	switch {
	case len(src) == 0:
		return 0, 0, corrupt("a block without a sequences section")
	case src[0] < 128:
		return int(src[0]), 1, nil
	case src[0] < 255 && len(src) > 1:
		return int(src[0]-128)<<8 | int(src[1]), 2, nil
	case src[0] == 255 && len(src) > 2:
		return int(binary.LittleEndian.Uint16(src[1:])) + 0x7f00, 3, nil
	}
	return 0, 0, corrupt("a sequences section that is cut short")
}

// readTables decodes the codes of a block.
func (s *sequences) readTables(src []byte) (used int, err error) {
	if len(src) == 0 || src[0]&3 != 0 {
		return 0, corrupt("no codes of the sequences")
	}
	modes := src[0]
	used = 1
	for i := range seqCodes {
		c, t := &seqCodeOf[i], &s.tables[i]
		switch modes >> (6 - 2*i) & 3 {
		case 0:
			s.use[i] = &c.table
		case 1:
			if used == len(src) || int(src[used]) >= c.symbols {
				return 0, corrupt("a code of one symbol that does not exist")
			}
			t.single(src[used])
			s.use[i] = t
			used++
		case 2:
			var counts [64]int16
			n, log, k, err := readCounts(src[used:], counts[:c.symbols], c.maxLog)
			if err != nil {
				return 0, err
			}
			s.use[i] = nil
			if err := t.build(counts[:n], log); err != nil {
				return 0, err
			}
			s.use[i] = t
			used += k
		default:
			if s.use[i] == nil {
				return 0, corrupt("a code is to be used again, and there was none")
			}
		}
	}
	return used, nil
}

// run executes n sequences, which lie in src, and what is left of the literals.
// It appends to dst[:at], up to limit, and returns where dst then ends.
func (r *Reader) run(dst []byte, at, limit, n int, literals, src []byte) (int, error) {
	s := &r.seq
	used, err := s.readTables(src)
	if err != nil {
		return at, err
	}
	b, err := newBackward(src[used:])
	if err != nil {
		return at, err
	}
	var state [seqCodes]int
	for i, t := range s.use {
		b.fill()
		state[i] = b.read(t.log)
	}
	for ; n > 0; n-- {
		b.fill()
		var code [seqCodes]int
		for i, t := range s.use {
			code[i] = int(t.entries[state[i]].symbol)
		}
		offset := 1<<code[offsetCode] + b.read(code[offsetCode])
		b.fill()
		length := int(matchValues[code[matchCode]].base) + b.read(int(matchValues[code[matchCode]].bits))
		lead := int(literalValues[code[literalCode]].base) + b.read(int(literalValues[code[literalCode]].bits))
		offset = s.offset(offset, lead)
		if n > 1 {
			b.fill()
			for _, i := range [seqCodes]int{literalCode, matchCode, offsetCode} {
				state[i] = s.use[i].step(state[i], &b)
			}
		}
		if b.over || lead > len(literals) || lead+length > limit-at || offset == 0 {
			return at, corrupt("a sequence beyond its block")
		}
		at += copy(dst[at:], literals[:lead])
		literals = literals[lead:]
		if at, err = r.match(dst, at, offset, length); err != nil {
			return at, err
		}
	}
	if !b.empty() {
		return at, corrupt("sequences with bits too many")
	}
	if len(literals) > limit-at {
		return at, corrupt("a block of more than %d bytes", r.maxBlock)
	}
	return at + copy(dst[at:], literals), nil
}

// offset turns an offset's value into a distance: the first three stand for
// recent ones, counted one on if no literals come first.
func (s *sequences) offset(v, lead int) int {
	if v > 3 {
		s.recent = [3]int{v - 3, s.recent[0], s.recent[1]}
		return v - 3
	}
	if lead == 0 {
		v++
	}
	switch v {
	case 1:
	case 2:
		s.recent[0], s.recent[1] = s.recent[1], s.recent[0]
	case 3:
		s.recent = [3]int{s.recent[2], s.recent[0], s.recent[1]}
	default:
		s.recent = [3]int{s.recent[0] - 1, s.recent[0], s.recent[1]}
	}
	return s.recent[0]
}

// match copies length bytes from offset before dst[at]; what lies before dst is
// in the history.
func (r *Reader) match(dst []byte, at, offset, length int) (int, error) {
	if offset > r.window || offset > at+r.history.n {
		return at, corrupt("a match from %d bytes back, and there are %d", offset, min(r.window, at+r.history.n))
	}
	end := at + length
	for at < end && offset > at {
		at += r.history.copy(dst[at:end], offset-at)
	}
	for at < end { // the part that is copied grows with each turn
		at += copy(dst[at:end], dst[at-offset:at])
	}
	return at, nil
}
