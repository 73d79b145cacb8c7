package zframe

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/klauspost/compress/zstd"
)

// kinds are contents of very different kinds.
var kinds = map[string]func(rng *rand.Rand, n int) []byte{
	"bfloat16": func(rng *rand.Rand, n int) []byte { return weights(rng, n, 2, 0) },
	"float32":  func(rng *rand.Rand, n int) []byte { return weights(rng, n, 4, 0) },
	"float32 from bfloat16": func(rng *rand.Rand, n int) []byte {
		b := weights(rng, n, 4, 0)
		for i := range b {
			if i%4 < 2 {
				b[i] = 0
			}
		}
		return b
	},
	"weights with rows of zeros": func(rng *rand.Rand, n int) []byte { return weights(rng, n, 2, 0.02) },
	"zeros":                      func(_ *rand.Rand, n int) []byte { return make([]byte, n) },
	"noise": func(rng *rand.Rand, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	},
	"two symbols": func(rng *rand.Rand, n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.IntN(20) / 19 * 77)
		}
		return b
	},
	"words": func(rng *rand.Rand, n int) []byte {
		var b []byte
		for len(b) < n {
			b = fmt.Appendf(b, "%d %x, ", rng.IntN(1<<rng.IntN(30)), rng.IntN(1<<rng.IntN(12)))
		}
		return b[:n]
	},
	"copies of what is far away": func(rng *rand.Rand, n int) []byte {
		b := make([]byte, n)
		for at := 0; at < n; {
			if k := 1 + rng.IntN(3000); at > 0 && rng.IntN(2) == 0 {
				from := rng.IntN(at)
				at += copy(b[at:], b[from:min(at, from+k)])
			} else {
				for ; k > 0 && at < n; k-- {
					b[at] = byte(rng.NormFloat64() * 9)
					at++
				}
			}
		}
		return b
	},
}

func weights(rng *rand.Rand, n, size int, zeros float64) []byte {
	b := make([]byte, 0, n+4)
	zero := 0
	for len(b) < n {
		u := math.Float32bits(float32(rng.NormFloat64() * 0.02))
		if zero == 0 && rng.Float64() < zeros/100 {
			zero = 500
		}
		if zero > 0 {
			zero, u = zero-1, 0
		}
		if size == 2 {
			b = binary.LittleEndian.AppendUint16(b, uint16(u>>16))
		} else {
			b = binary.LittleEndian.AppendUint32(b, u)
		}
	}
	return b[:n]
}

// ways runs fn with the assembly, if there is any, and without.
func ways(t *testing.T, fn func(t *testing.T)) {
	was := hasPairs
	defer func() { hasPairs = was }()
	for _, hasPairs = range []bool{was, false} {
		t.Run(fmt.Sprint("assembly=", hasPairs), fn)
	}
}

func open(data []byte) (*Reader, error) {
	src := bufio.NewReaderSize(bytes.NewReader(data), MinBuffer)
	head, _ := src.Peek(zstd.HeaderMaxSize)
	var h zstd.Header
	if err := h.Decode(head); err != nil {
		return nil, err
	}
	if h.Skippable || h.DictionaryID != 0 || h.HasCheckSum || Window(&h) > MaxWindow || !h.SingleSegment && h.WindowSize < zstd.MinWindowSize {
		return nil, errors.New("not for this package")
	}
	r := &Reader{}
	return r, r.Reset(src, &h)
}

func encode(t testing.TB, data []byte, level zstd.EncoderLevel, window int, known bool) []byte {
	var out bytes.Buffer
	e, err := zstd.NewWriter(&out, zstd.WithEncoderLevel(level), zstd.WithEncoderCRC(false), zstd.WithWindowSize(window),
		zstd.WithAllLitEntropyCompression(true), zstd.WithZeroFrames(true), zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	if known {
		return e.EncodeAll(data, nil)
	}
	if _, err := e.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// readParts reads all of r in reads of sizes that rng chooses.
func readParts(r io.Reader, rng *rand.Rand, most int) ([]byte, error) {
	var out []byte
	for {
		p := make([]byte, 1+rng.IntN(most))
		n, err := r.Read(p)
		out = append(out, p[:n]...)
		if err == io.EOF {
			return out, nil
		} else if err != nil {
			return out, err
		}
	}
}

// TestRoundTrip decodes what klauspost's encoder made.
func TestRoundTrip(t *testing.T) {
	ways(t, func(t *testing.T) {
		for name, make := range kinds {
			rng := rand.New(rand.NewPCG(1, 2))
			for _, n := range []int{0, 1, 5, 6, 7, 100, 1000, 20_000, 1 << 17, 700_001} {
				data := make(rng, n)
				for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedBetterCompression} {
					for _, window := range []int{1 << 10, 64 << 10, 512 << 10} {
						frame := encode(t, data, level, window, n&1 == 0)
						for _, most := range []int{300_000, 2_000_000} {
							r, err := open(frame)
							if err != nil {
								t.Fatal(err)
							}
							got, err := readParts(r, rng, most)
							if err != nil || !bytes.Equal(got, data) {
								t.Fatalf("%s, %d bytes, level %v, window %d: %d bytes, %v", name, n, level, window, len(got), err)
							}
						}
					}
				}
			}
		}
	})
}

// TestReuse decodes one frame after another with one Reader, by reads of one
// byte from a source that gives one byte at a time.
func TestReuse(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	var r Reader
	for range 3 {
		for name, make := range kinds {
			data := make(rng, 3000)
			src := bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(encode(t, data, zstd.SpeedDefault, 1<<10, false))), MinBuffer)
			head, _ := src.Peek(zstd.HeaderMaxSize)
			var h zstd.Header
			if err := h.Decode(head); err != nil {
				t.Fatal(err)
			}
			if err := r.Reset(src, &h); err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(iotest.OneByteReader(&r))
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%s: %d bytes, %v", name, len(got), err)
			}
		}
	}
}

// reference decodes a frame with klauspost's decoder.
func reference(frame []byte) ([]byte, error) {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(MaxWindow), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		panic(err)
	}
	defer d.Close()
	return d.DecodeAll(frame, nil)
}

// BenchmarkRead decodes weights here and with klauspost's decoder.
func BenchmarkRead(b *testing.B) {
	for _, kind := range []string{"bfloat16", "float32"} {
		data := kinds[kind](rand.New(rand.NewPCG(7, 8)), 16<<20)
		frame := encode(b, data, zstd.SpeedFastest, 512<<10, false)
		p := make([]byte, 2<<20)
		b.Run(kind+"/here", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			var r Reader
			src := bufio.NewReaderSize(nil, 256<<10)
			for b.Loop() {
				src.Reset(bytes.NewReader(frame))
				head, _ := src.Peek(zstd.HeaderMaxSize)
				var h zstd.Header
				if err := errors.Join(h.Decode(head), r.Reset(src, &h)); err != nil {
					b.Fatal(err)
				}
				drain(b, &r, p, len(data))
			}
		})
		b.Run(kind+"/klauspost", func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := d.Reset(bufio.NewReaderSize(bytes.NewReader(frame), 256<<10)); err != nil {
					b.Fatal(err)
				}
				drain(b, d, p, len(data))
			}
		})
	}
}

func drain(b *testing.B, r io.Reader, p []byte, want int) {
	for n := 0; ; {
		k, err := io.ReadFull(r, p)
		if n += k; err != nil {
			if n != want {
				b.Fatalf("%d bytes, %v", n, err)
			}
			return
		}
	}
}

// agree decodes a frame here, with the assembly and without, and with
// klauspost's decoder. All must say the same, but for what is allowed there only.
func agree(t *testing.T, frame []byte) {
	t.Helper()
	want, wantErr := reference(frame)
	was := hasPairs
	defer func() { hasPairs = was }()
	for _, hasPairs = range []bool{was, false} {
		r, err := open(frame)
		if err != nil {
			return
		}
		got, err := io.ReadAll(io.LimitReader(r, 64<<20+1))
		switch {
		case len(got) > 64<<20:
			return
		case err == nil && wantErr != nil:
			t.Fatalf("assembly=%v: %d bytes of a frame that has an error: %v", hasPairs, len(got), wantErr)
		case err == nil && !bytes.Equal(got, want):
			t.Fatalf("assembly=%v: %d bytes that differ from the %d wanted", hasPairs, len(got), len(want))
		case err != nil && wantErr == nil && !stricter(err):
			t.Fatalf("assembly=%v: a good frame of %d bytes is refused: %v", hasPairs, len(want), err)
		case err != nil && !errors.Is(err, ErrCorrupt):
			t.Fatalf("error %v", err)
		}
	}
}

// stricter reports whether err is about what klauspost's decoder lets pass, or
// what is no damage to it: a second frame.
func stricter(err error) bool {
	for _, s := range []string{"bytes after it"} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// TestDamage breaks good frames at random places.
func TestDamage(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, make := range kinds {
		for range 10 {
			frame := encode(t, make(rng, 1+rng.IntN(5000)), zstd.SpeedFastest, 1<<10, rng.IntN(2) == 0)
			agree(t, frame)
			for range 60 {
				broken := bytes.Clone(frame)
				for range 1 + rng.IntN(2) {
					switch at := rng.IntN(len(broken)); rng.IntN(4) {
					case 0:
						broken[at] ^= 1 << rng.IntN(8)
					case 1:
						broken[at] = byte(rng.Uint32())
					case 2:
						broken = broken[:at+1]
					default:
						broken[min(at, rng.IntN(24))] ^= 1 << rng.IntN(8) // headers are worth more
					}
				}
				agree(t, broken)
			}
		}
	}
}

// TestBeyondTheWindow: a match that reaches farther back than the frame's window
// is damage, also where the bytes are still at hand.
func TestBeyondTheWindow(t *testing.T) {
	ways(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		data := kinds["noise"](rng, 200<<10)
		data = append(data, data[:100<<10]...) // 200 KiB back
		frame := encode(t, data, zstd.SpeedBestCompression, 256<<10, false)
		var h zstd.Header
		if err := h.Decode(frame); err != nil || h.SingleSegment || h.WindowSize != 256<<10 {
			t.Fatalf("%+v, %v", h, err)
		}
		read := func(want error) {
			t.Helper()
			r, err := open(frame)
			if err != nil {
				t.Fatal(err)
			}
			p := make([]byte, len(data)+blockLimit) // in one piece, with room for each block
			n, err := r.Read(p)
			if err == nil {
				_, err = r.Read(p[n:])
			}
			if !errors.Is(err, want) || want == io.EOF && !bytes.Equal(p[:n], data) {
				t.Errorf("%d bytes, error %v, wanted %v", n, err, want)
			}
		}
		read(io.EOF)
		frame[5] -= 1 << 3 // half of the window
		agree(t, frame)
		read(ErrCorrupt)
	})
}

func FuzzFrame(f *testing.F) {
	rng := rand.New(rand.NewPCG(9, 10))
	for _, make := range kinds {
		for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedBetterCompression} {
			f.Add(encode(f, make(rng, 40), level, 1<<10, true))
			f.Add(encode(f, make(rng, 2500), level, 1<<10, false))
		}
	}
	f.Fuzz(agree)
}
