package zframe

import (
	"bufio"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// MaxWindow is the largest window of frames that are for this package: what
	// goes out with every read is kept up to that, which costs a copy.
	MaxWindow = 8 << 20
	// Memory is what a Reader holds beside the window and its source.
	Memory = 512 << 10

	blockLimit = 128 << 10 // of any block, stored or decoded (3.1.1.2.4)
	blockHead  = 3
)

// Window returns how far back a frame with this header may look: all of it if
// the header gives no window.
func Window(h *zstd.Header) uint64 {
	if h.SingleSegment {
		return max(h.FrameContentSize, zstd.MinWindowSize)
	}
	return h.WindowSize
}

// Types of blocks and of literals.
const (
	rawBlock = iota
	rleBlock
	compressedBlock
)

const (
	rawLiterals = iota
	rleLiterals
	codedLiterals
	againLiterals // with the code of an earlier block
)

// fewSequences is how many sequences a frame's first block has at most if the
// frame is for this package: one for 512 bytes. What has more is decoded faster
// by klauspost's assembly.
const fewSequences = 256

// Suits reports whether a Reader decodes the frame that begins in src well: h is
// its header. It looks at the first block, and reads none of it.
func Suits(src *bufio.Reader, h *zstd.Header) bool {
	if !hasPairs || h.HasCheckSum || h.Skippable || h.DictionaryID != 0 || Window(h) > MaxWindow {
		return false
	}
	at := h.HeaderSize
	b, err := src.Peek(at + blockHead)
	if err != nil {
		return false
	}
	_, kind, size := parseBlock(b[at:])
	if at += blockHead; kind != compressedBlock {
		return kind < compressedBlock
	}
	if b, err = src.Peek(at + size); err != nil || size > blockLimit {
		return false
	}
	l, err := parseLiterals(b[at:])
	if err != nil || l.head+l.stored > size {
		return false
	}
	n, _, err := countSequences(b[at+l.head+l.stored:])
	return err == nil && n <= fewSequences
}

// MinBuffer is what the buffer of a Reader's source has at least, unless it
// holds all of the source.
const MinBuffer = blockHead + blockLimit + zstd.HeaderMaxSize

// Reader decodes one frame. It can be used again after Reset, and keeps its
// memory.
type Reader struct {
	src      *bufio.Reader
	window   int
	maxBlock int
	size     uint64 // of the content, if it is known
	known    bool
	total    uint64
	last     bool // the last block is decoded
	err      error

	history  history
	huffman  huffman
	seq      sequences
	literals []byte // of a block with sequences
	block    []byte // a block that did not fit into what was asked for
	left     []byte // of block
}

// Reset begins with the frame in src, whose header is h; see MinBuffer.
func (r *Reader) Reset(src *bufio.Reader, h *zstd.Header) error {
	if _, err := src.Discard(h.HeaderSize); err != nil {
		return err
	}
	r.src, r.window = src, int(Window(h))
	r.maxBlock = min(r.window, blockLimit)
	r.size, r.known, r.total, r.last, r.err = h.FrameContentSize, h.HasFCS, 0, false, nil
	r.history.reset(r.window)
	r.huffman.log = 0
	r.seq.reset()
	if r.block == nil {
		r.block, r.literals = make([]byte, blockLimit), make([]byte, blockLimit)
	}
	r.left = nil
	return nil
}

// Release lets go of the source.
func (r *Reader) Release() { r.src = nil }

// Read fills p, as far as the frame has bytes: the longer p is, the less is
// copied. io.EOF says that the frame has ended, and the source with it.
func (r *Reader) Read(p []byte) (int, error) {
	n := copy(p, r.left)
	r.left = r.left[n:]
	kept := n // p[kept:n] is not in the history yet
	for n < len(p) && r.err == nil {
		if r.last {
			r.err = r.end()
			continue
		}
		if len(p)-n >= r.maxBlock {
			var end int
			end, r.err = r.next(p[kept:], n-kept)
			n = kept + end
			continue
		}
		r.history.add(p[kept:n])
		var end int
		end, r.err = r.next(r.block, 0)
		r.left = r.block[:end]
		r.history.add(r.left)
		k := copy(p[n:], r.left)
		r.left = r.left[k:]
		n += k
		kept = n
	}
	if !r.last {
		r.history.add(p[kept:n])
	}
	if n > 0 || len(p) == 0 {
		return n, nil
	}
	return 0, r.err
}

// end checks that nothing follows the frame.
func (r *Reader) end() error {
	if r.known && r.total != r.size {
		return corrupt("%d bytes, and its header says %d", r.total, r.size)
	}
	switch _, err := r.src.Peek(1); err {
	case nil:
		return corrupt("there are bytes after it")
	default:
		return err
	}
}

// peek returns the next n bytes of the source.
func (r *Reader) peek(n int) ([]byte, error) {
	b, err := r.src.Peek(n)
	if err == io.EOF || err == bufio.ErrBufferFull {
		err = corrupt("it is cut short")
	}
	return b, err
}

func parseBlock(b []byte) (last bool, kind, size int) {
	v := int(b[0]) | int(b[1])<<8 | int(b[2])<<16
	return v&1 != 0, v >> 1 & 3, v >> 3
}

// next decodes a block to dst[at:], which has room for maxBlock bytes, and
// returns where it ends. What it may look back to is dst[:at] and the history.
// If it fails, the block is not there.
func (r *Reader) next(dst []byte, at int) (int, error) {
	head, err := r.peek(blockHead)
	if err != nil {
		return at, err
	}
	last, kind, size := parseBlock(head)
	if size > r.maxBlock {
		return at, corrupt("a block of %d bytes, at most %d are allowed", size, r.maxBlock)
	}
	stored := size
	if kind == rleBlock {
		stored = 1
	}
	b, err := r.peek(blockHead + stored)
	if err != nil {
		return at, err
	}
	b = b[blockHead:]
	end := at + size
	switch kind {
	case rawBlock:
		copy(dst[at:end], b)
	case rleBlock:
		fill(dst[at:end], b[0])
	case compressedBlock:
		end, err = r.compressed(dst, at, b)
	default:
		err = corrupt("a block of the reserved type")
	}
	if err != nil {
		return at, err
	}
	if r.total += uint64(end - at); r.known && r.total > r.size {
		return at, corrupt("more than the %d bytes that its header says", r.size)
	}
	r.last = last
	_, err = r.src.Discard(blockHead + stored)
	return end, err
}

func fill(p []byte, v byte) {
	for i := range p {
		p[i] = v
	}
}

// compressed decodes a block of literals and sequences.
func (r *Reader) compressed(dst []byte, at int, b []byte) (int, error) {
	l, err := parseLiterals(b)
	if err != nil {
		return at, err
	}
	switch {
	case l.size > r.maxBlock:
		return at, corrupt("%d literals in a block, at most %d are allowed", l.size, r.maxBlock)
	case l.stored > len(b)-l.head:
		return at, corrupt("literals in %d bytes, %d are left", l.stored, len(b)-l.head)
	}
	stored, rest := b[l.head:][:l.stored], b[l.head+l.stored:]
	n, used, err := countSequences(rest)
	if err != nil {
		return at, err
	}
	if n == 0 {
		if len(rest) > used {
			return at, corrupt("%d bytes after the last block of literals", len(rest)-used)
		}
		return at + l.size, r.decodeLiterals(dst[at:at+l.size], stored, l)
	}
	literals := r.literals[:l.size]
	if l.kind == rawLiterals {
		literals = stored
	} else if err := r.decodeLiterals(literals, stored, l); err != nil {
		return at, err
	}
	return r.run(dst, at, at+r.maxBlock, n, literals, rest[used:])
}
