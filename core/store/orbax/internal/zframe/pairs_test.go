package zframe

import (
	"math/rand/v2"
	"testing"
)

// randomLengths splits codes until there are so many symbols, none longer than
// maxCode bits.
func randomLengths(rng *rand.Rand, symbols int) []int {
	lengths := []int{1, 1}
	for len(lengths) < symbols {
		i := rng.IntN(len(lengths))
		if rng.IntN(2) == 0 {
			i = len(lengths) - 1 // deep codes are as frequent as flat ones
		}
		if lengths[i] < maxCode {
			lengths[i]++
			lengths = append(lengths, lengths[i])
		}
	}
	rng.Shuffle(len(lengths), func(i, j int) { lengths[i], lengths[j] = lengths[j], lengths[i] })
	return lengths
}

// TestPairTable reads every entry's bits a code at a time, as finish does.
func TestPairTable(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var h huffman
	for range 300 {
		lengths := randomLengths(rng, 2+rng.IntN(maxSymbols-1))
		log := 0
		for _, n := range lengths {
			log = max(log, n)
		}
		for s, n := range lengths {
			h.weights[s] = uint8(log + 1 - n)
		}
		if err := h.build(len(lengths) - 1); err != nil {
			t.Fatalf("lengths %v: %v", lengths, err)
		}
		h.buildPairs()
		for i := range 1 << pairLog {
			code := func(used int) (symbol, length int) { // zeros behind the last bit
				c := h.codes[i<<used&(1<<pairLog-1)<<maxCode>>pairLog>>(maxCode-h.log)]
				return int(c >> 8), int(c & 0xff)
			}
			first, length := code(0)
			want := first<<16 | oneSymbol | length
			if second, n := code(length); length+n <= pairLog {
				want = second<<24 | first<<16 | twoSymbols | (length + n)
			}
			if got := int(h.pairs.entries[i/2] >> (i % 2 * 32) & (1<<32 - 1)); got != want {
				t.Fatalf("lengths %v: %0*b is %#08x, wanted %#08x", lengths, pairLog, i, got, want)
			}
		}
	}
}
