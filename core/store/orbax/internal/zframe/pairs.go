package zframe

// pairLog is how many bits a lookup in a pairTable takes: so many that a long
// and a short code fit together, so few that the table (16 KiB) stays in a
// first-level cache.
const pairLog = 12

// pairTable decodes two symbols at a time where both codes lie within pairLog
// bits, else one. Its entries are two in a word, the even one below:
//
//	bits 0-5    bits that are used
//	bits 8-9    symbols: 1 or 2
//	bits 16-23  the first one
//	bits 24-31  the second one
//
// In bfloat16 weights every other byte has a code of nine bits or so, and its
// neighbour one of three to five. A lookup depends on the one before it, so
// what counts is how many of them there are.
type pairTable struct {
	log     int // of the code that it was made from; 0: of none
	entries [1 << (pairLog - 1)]uint64
	second  [1 << (pairLog - 1)]uint64 // see buildPairs
}

const (
	oneSymbol  = 1 << 8
	twoSymbols = 2 << 8
	both       = 1<<32 + 1 // times an entry is that entry twice
)

// buildPairs makes the table from the code. Behind all first codes of one
// length there is room for the same second ones: what may follow them is worked
// out once, and then put behind each.
func (h *huffman) buildPairs() {
	p := &h.pairs
	for length := 1; length <= h.log; length++ {
		weight := h.log + 1 - length
		from, to := h.starts[weight], 1<<h.log
		if weight < h.log {
			to = h.starts[weight+1]
		}
		if from == to {
			continue
		}
		second := h.secondCodes(length)
		span := 1 << (weight - 1) // of one first code
		for at := from; at < to; at += span {
			first := uint64(h.codes[at]>>8) << 16 * both
			out := p.entries[at<<(pairLog-h.log)/2:][:len(second)]
			for k, e := range second {
				out[k] = e | first
			}
		}
	}
	p.log = h.log
}

// secondCodes returns the entries behind a first code of so many bits, without
// its symbol. Long codes stand first: those that have no room come before all
// others.
func (h *huffman) secondCodes(length int) []uint64 {
	rest := pairLog - length // bits; at least one
	second := h.pairs.second[:1<<(rest-1)]
	at := 0 // in codes: the first one of at most rest bits
	if rest < h.log {
		at = h.starts[h.log+1-rest]
	}
	none := at << rest >> h.log
	alone := uint64(length|oneSymbol) * both
	for k := range second[:(none+1)/2] {
		second[k] = alone
	}
	for i := none; i < 1<<rest; {
		code := h.codes[at]
		n := int(code & 0xff)
		at += 1 << (h.log - n)
		e := uint64(length+n) | twoSymbols | uint64(code>>8)<<24
		switch {
		case n < rest:
			span := second[i/2:][:1<<(rest-n-1)]
			for k := range span {
				span[k] = e * both
			}
			i += 2 * len(span)
		case i&1 == 0:
			second[i/2] = e
			i++
		default:
			second[i/2] = second[i/2]&(1<<32-1) | e<<32
			i++
		}
	}
	return second
}
