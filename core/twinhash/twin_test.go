package twinhash

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
)

// play gives data to a Twin, cut into parts and into calls, and compares with
// crypto/sha256.
func play(t *testing.T, data []byte, slow bool, rng *rand.Rand) {
	t.Helper()
	w := newTwin(slow)
	for at := 0; at < len(data); {
		n := min(rng.IntN(5000), len(data)-at)
		p := data[at : at+n]
		at += n
		between := rng.IntN(3) == 0
		for rest := p; len(rest) > 0; {
			k := min(1+rng.IntN(300), len(rest))
			if between {
				w.Between(rest[:k])
			} else {
				w.Part(rest[:k])
			}
			rest = rest[k:]
		}
		if between {
			continue
		}
		if got, want := w.EndPart(), sha256.Sum256(p); got != want {
			t.Fatalf("%d bytes at %d: %x, wanted %x", n, at-n, got, want)
		}
		if got, want := w.Sum(), sha256.Sum256(data[:at]); got != want {
			t.Fatalf("the first %d bytes: %x, wanted %x", at, got, want)
		}
	}
	if got, want := w.Sum(), sha256.Sum256(data); got != want {
		t.Fatalf("%d bytes: %x, wanted %x", len(data), got, want)
	}
}

func ways() []bool {
	if fast {
		return []bool{false, true}
	}
	return []bool{true}
}

func TestTwin(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 100_000)
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	for _, slow := range ways() {
		t.Run(fmt.Sprint("slow=", slow), func(t *testing.T) {
			for range 50 {
				play(t, data[rng.IntN(100):rng.IntN(len(data)-100)+100], slow, rng)
			}
		})
	}
}

// TestLengths takes every length around the borders of blocks and of padding,
// with the part beginning anywhere in the whole's block.
func TestLengths(t *testing.T) {
	data := make([]byte, 400)
	for i := range data {
		data[i] = byte(i * 37)
	}
	for _, slow := range ways() {
		for skip := range 70 {
			for n := range 200 {
				w := newTwin(slow)
				w.Between(data[:skip])
				w.Part(data[skip : skip+n])
				if got, want := w.EndPart(), sha256.Sum256(data[skip:skip+n]); got != want {
					t.Fatalf("a part of %d bytes at %d, slow=%v: %x, wanted %x", n, skip, slow, got, want)
				}
				if got, want := w.Sum(), sha256.Sum256(data[:skip+n]); got != want {
					t.Fatalf("%d bytes, slow=%v: %x, wanted %x", skip+n, slow, got, want)
				}
			}
		}
	}
}

func TestEmpty(t *testing.T) {
	for _, slow := range ways() {
		w, want := newTwin(slow), sha256.Sum256(nil)
		for _, sum := range [][sha256.Size]byte{w.EndPart(), w.EndPart(), w.Sum()} {
			if sum != want {
				t.Errorf("nothing, slow=%v: %x", slow, sum)
			}
		}
	}
}

func BenchmarkTwin(b *testing.B) {
	for _, before := range []int{3, blockSize} {
		b.Run(fmt.Sprint("at=", before), func(b *testing.B) {
			data := make([]byte, 1<<20)
			w := New()
			w.Between(data[:before])
			b.SetBytes(1 << 20)
			for b.Loop() {
				w.Part(data)
			}
		})
	}
}

func BenchmarkOne(b *testing.B) {
	data := make([]byte, 1<<20)
	h := sha256.New()
	b.SetBytes(1 << 20)
	for b.Loop() {
		h.Write(data)
	}
}
