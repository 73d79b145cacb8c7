package blosc

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/snappy"
)

// containers reads testdata/containers.tgz: what python-blosc 1.11.4 (c-blosc
// 1.21) made of the bytes of pattern, named codec-shuffle-typesize-size.
func containers(t testing.TB) map[string][]byte {
	t.Helper()
	f, err := os.Open("testdata/containers.tgz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			if out[strings.TrimSuffix(path.Base(h.Name), ".blosc")], err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// pattern is what was compressed.
func pattern(n, typeSize int) []byte {
	out := make([]byte, n)
	for i := range out {
		x, k := i/typeSize, i%typeSize
		if k < 4 {
			out[i] = byte(x / 9 % 300 >> (8 * k))
		} else {
			out[i] = byte(x / 50)
		}
	}
	return out
}

func decode(b []byte) ([]byte, error) {
	r, err := NewReader(b)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestContainers(t *testing.T) {
	all := containers(t)
	if len(all) < 70 {
		t.Fatalf("%d containers", len(all))
	}
	codecs, splits := map[int]bool{}, map[int]bool{} // seen, and seen with a split block and a short one that is not split
	for name, b := range all {
		if name == "stored" {
			continue
		}
		var shuffle, typeSize, size int
		if _, err := fmt.Sscanf(name[strings.Index(name, "-"):], "-%d-%d-%d", &shuffle, &typeSize, &size); err != nil {
			t.Fatal(err)
		}
		got, err := decode(b)
		if err != nil || !bytes.Equal(got, pattern(size, typeSize)) {
			t.Errorf("%s: other bytes than wanted, %v", name, err)
		}
		h, _ := ParseHeader(b)
		codecs[h.Codec] = true
		if rest := h.Size % h.BlockSize; h.splits(h.BlockSize) > 1 && rest/h.TypeSize >= leastSplit {
			splits[h.Codec] = true
		}
	}
	if len(codecs) != 4 || len(splits) < 3 {
		t.Errorf("codecs %v, split with %v: the containers do not show what they should", codecs, splits)
	}
}

// TestStored: a container that did not shrink holds the bytes as they are.
func TestStored(t *testing.T) {
	var want []byte
	for i := range 32 {
		sum := sha256.Sum256([]byte{byte(i)})
		want = append(want, sum[:]...)
	}
	got, err := decode(containers(t)["stored"])
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("other bytes than wanted, %v", err)
	}
}

// container puts blocks, each of streams, into a container.
func container(codec int, flags byte, typeSize, size, blockSize int, blocks ...[][]byte) []byte {
	b := []byte{2, 1, flags | byte(codec<<5), byte(typeSize)}
	b = binary.LittleEndian.AppendUint32(b, uint32(size))
	b = binary.LittleEndian.AppendUint32(b, uint32(blockSize))
	b = append(b, 0, 0, 0, 0)
	at := len(b) + 4*len(blocks)
	var body []byte
	for _, streams := range blocks {
		b = binary.LittleEndian.AppendUint32(b, uint32(at+len(body)))
		for _, s := range streams {
			body = binary.LittleEndian.AppendUint32(body, uint32(len(s)))
			body = append(body, s...)
		}
	}
	b = append(b, body...)
	binary.LittleEndian.PutUint32(b[12:], uint32(len(b)))
	return b
}

// TestSnappy: python-blosc comes without snappy, so the container is made here.
func TestSnappy(t *testing.T) {
	want := pattern(3000, 4)
	one, two := snappy.Encode(nil, want[:2048]), snappy.Encode(nil, want[2048:])
	got, err := decode(container(2, flagUnsplit, 4, 3000, 2048, [][]byte{one}, [][]byte{two}))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("other bytes than wanted, %v", err)
	}
}

// TestDamage: containers that say other than what they hold.
func TestDamage(t *testing.T) {
	raw := make([]byte, 64)
	good := container(1, flagUnsplit, 4, 64, 64, [][]byte{raw})
	if _, err := decode(good); err != nil {
		t.Fatal(err)
	}
	set := func(at int, v uint32) []byte {
		b := slices.Clone(good)
		binary.LittleEndian.PutUint32(b[at:], v)
		return b
	}
	for name, b := range map[string][]byte{
		"nothing":             nil,
		"header alone":        good[:16],
		"cut short":           good[:len(good)-1],
		"a byte too many":     append(slices.Clone(good), 0),
		"format version":      append([]byte{1}, good[1:]...),
		"unknown codec":       container(5, flagUnsplit, 4, 64, 64, [][]byte{raw}),
		"both shuffles":       container(1, flagUnsplit|shuffleMask, 4, 64, 64, [][]byte{raw}),
		"element size 0":      container(1, flagUnsplit, 0, 64, 64, [][]byte{raw}),
		"block size 0":        set(8, 0),
		"more bytes":          set(4, 65),
		"fewer bytes":         set(4, 63),
		"four gigabytes":      set(4, math.MaxUint32),
		"offset too low":      set(16, 15),
		"offset too high":     set(16, uint32(len(good)+1)),
		"stream too long":     set(20, 65),
		"stream of -1":        set(20, math.MaxUint32),
		"bytes between":       container(1, flagUnsplit, 4, 64, 64, [][]byte{raw, {1, 2, 3}}),
		"more blocks":         container(1, flagUnsplit, 4, 1<<30, 1, [][]byte{raw}),
		"broken lz4":          container(1, flagUnsplit, 4, 64, 64, [][]byte{{0xff, 0xff}}),
		"broken blosclz":      container(0, flagUnsplit, 4, 64, 64, [][]byte{{0x00, 1, 0xff, 0xff}}),
		"broken zlib":         container(3, flagUnsplit, 4, 64, 64, [][]byte{{1, 2, 3}}),
		"broken zstd":         container(4, flagUnsplit, 4, 64, 64, [][]byte{{1, 2, 3}}),
		"broken snappy":       container(2, flagUnsplit, 4, 64, 64, [][]byte{{64, 2, 3}}),
		"blosclz before dest": container(0, flagUnsplit, 4, 64, 64, [][]byte{{0x00, 1, 0x20, 9, 0x00, 1}}),
	} {
		if out, err := decode(b); err == nil {
			t.Errorf("%s: was accepted, as %d bytes", name, len(out))
		}
	}
}

// TestBloscLZ decodes streams put together by hand from the format's drawing.
func TestBloscLZ(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		want string
	}{
		{"literals", []byte{2, 'a', 'b', 'c'}, "abc"},
		{"upper bits of the first byte", []byte{0xe2, 'a', 'b', 'c'}, "abc"},
		{"match of 3, one back", []byte{0, 'a', 1 << 5, 0, 0, 'z'}, "aaaaz"},
		{"match of 3, two back", []byte{1, 'a', 'b', 1 << 5, 1, 0, 'z'}, "ababaz"},
		{"match of 9+1", []byte{0, 'a', 7 << 5, 1, 0, 0, 'z'}, "a" + strings.Repeat("a", 10) + "z"},
		{"match of 9+255+2", []byte{0, 'a', 7 << 5, 255, 2, 0, 0, 'z'}, "a" + strings.Repeat("a", 266) + "z"},
	}
	for _, c := range tests {
		out := make([]byte, len(c.want))
		n, err := blosclz(out, c.in)
		if err != nil || string(out[:n]) != c.want {
			t.Errorf("%s: %q, %v", c.name, out[:n], err)
		}
	}
	// A distance beyond 8191: 9000 different pairs, then the first four bytes.
	var in, want []byte
	for i := range 9000 {
		want = append(want, byte(i), byte(i>>8))
	}
	for part := range slices.Chunk(want, 32) {
		in = append(append(in, byte(len(part)-1)), part...)
	}
	distance := len(want) - 8191 - 1
	in = append(in, 2<<5|31, 255, byte(distance>>8), byte(distance), 0, '!')
	want = append(append(want, want[:4]...), '!')
	out := make([]byte, len(want))
	if n, err := blosclz(out, in); err != nil || !bytes.Equal(out[:n], want) {
		t.Errorf("far match: %d bytes, %v", n, err)
	}
}

// FuzzBlosc: whatever a container says, it decodes to what its header promises,
// or not at all.
func FuzzBlosc(f *testing.F) {
	for _, b := range containers(f) {
		if len(b) < 600 {
			f.Add(b)
		}
	}
	f.Add(container(2, flagUnsplit, 4, 64, 64, [][]byte{snappy.Encode(nil, make([]byte, 64))}))
	f.Fuzz(func(t *testing.T, b []byte) {
		b = slices.Clone(b)
		h, err := ParseHeader(b)
		if err != nil || h.Memory() > 16<<20 {
			return
		}
		binary.LittleEndian.PutUint32(b[12:], uint32(len(b)))
		r, err := NewReader(b)
		if err != nil {
			return
		}
		n, err := io.Copy(io.Discard, io.LimitReader(r, 64<<20))
		if err == nil && n != int64(r.Size) && n != 64<<20 {
			t.Errorf("%d bytes, the header says %d", n, r.Size)
		}
	})
}
