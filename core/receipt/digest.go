package receipt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// Digester hashes a file and stretches of it in one pass. The stretches must
// be sorted and must not overlap.
type Digester struct {
	whole   hash.Hash
	tensors []Tensor
	sums    []string
	part    hash.Hash
	at      int64
}

// NewDigester makes a digester for a file that holds these tensors.
func NewDigester(tensors []Tensor) *Digester {
	return &Digester{whole: sha256.New(), part: sha256.New(), tensors: tensors}
}

// Write hashes the next bytes of the file.
func (d *Digester) Write(p []byte) (int, error) {
	d.whole.Write(p)
	end := d.at + int64(len(p))
	for len(d.sums) < len(d.tensors) {
		t := &d.tensors[len(d.sums)]
		from, to := max(t.Offset, d.at), min(t.Offset+t.Bytes, end)
		if from < to {
			d.part.Write(p[from-d.at : to-d.at])
		}
		if t.Offset+t.Bytes > end {
			break
		}
		d.sums = append(d.sums, hex.EncodeToString(d.part.Sum(nil)))
		d.part.Reset()
	}
	d.at = end
	return len(p), nil
}

// Sums returns the digest of the file and of each tensor, hex.
func (d *Digester) Sums() (whole string, tensors []string) {
	for len(d.sums) < len(d.tensors) { // empty ones at the end, or cut off
		d.sums = append(d.sums, hex.EncodeToString(d.part.Sum(nil)))
		d.part.Reset()
	}
	return hex.EncodeToString(d.whole.Sum(nil)), d.sums
}

type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
