package receipt

import (
	"bytes"
	"encoding/hex"

	"github.com/loraconv/loraconv/core/twinhash"
)

// Stretch is a run of bytes of a file: where a tensor lies.
type Stretch struct{ Offset, Bytes int64 }

// Digest is the SHA-256 of a stretch, in lower-case hex.
type Digest struct {
	SHA256 string
	Zero   bool // no byte of it is other than zero; so it is with an empty one
}

// Digester hashes a file and stretches of it in one pass. A new one has seen
// nothing.
type Digester struct {
	twin      *twinhash.Twin
	stretches []Stretch // those that have not ended
	ended     int
	done      func(i int, d Digest)
	at        int64 // in the file
	zero      bool  // no byte of the current stretch was other than zero so far
}

// NewDigester makes a digester for a file with these stretches, which do not
// overlap and are sorted by offset, then by length. It tells done of each as soon as it has seen its last byte.
func NewDigester(stretches []Stretch, done func(i int, d Digest)) *Digester {
	return &Digester{twin: twinhash.New(), stretches: stretches, done: done, zero: true}
}

// Add takes b, the next bytes of the file: what belongs to stretches, in the
// order of their places, and what lies between them. It does not keep b.
func (d *Digester) Add(b []byte) {
	for len(d.stretches) > 0 {
		s := d.stretches[0]
		if between := min(max(s.Offset-d.at, 0), int64(len(b))); between > 0 {
			d.twin.Between(b[:between])
			d.at, b = d.at+between, b[between:]
		}
		if len(b) == 0 && s.Bytes > 0 {
			return
		}
		n := min(s.Offset+s.Bytes-d.at, int64(len(b)))
		d.twin.Part(b[:n])
		d.zero = d.zero && allZero(b[:n])
		d.at, b = d.at+n, b[n:]
		if d.at < s.Offset+s.Bytes {
			return
		}
		sum := d.twin.EndPart()
		d.done(d.ended, Digest{hex.EncodeToString(sum[:]), d.zero})
		d.stretches, d.ended, d.zero = d.stretches[1:], d.ended+1, true
	}
	d.twin.Between(b)
	d.at += int64(len(b))
}

// Sum returns the SHA-256 of everything that was added, in lower-case hex.
func (d *Digester) Sum() string {
	d.Add(nil) // for empty stretches of an empty file
	sum := d.twin.Sum()
	return hex.EncodeToString(sum[:])
}

var zeroPage [4096]byte

func allZero(b []byte) bool {
	for ; len(b) > len(zeroPage); b = b[len(zeroPage):] {
		if !bytes.Equal(b[:len(zeroPage)], zeroPage[:]) {
			return false
		}
	}
	return bytes.Equal(b, zeroPage[:len(b)])
}
