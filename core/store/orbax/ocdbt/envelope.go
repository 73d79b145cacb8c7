package ocdbt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/loraconv/loraconv/core/store"
)

// The kinds of envelopes. A magic is the one number of the format that is
// big-endian.
const (
	magicManifest = 0x0cdb3a2a
	magicNode     = 0x0cdb20de
	magicVersion  = 0x0cdb1234
)

// An envelope:
//
//	0      magic, 4 bytes, big-endian
//	4      length of the whole envelope, 8 bytes, little-endian
//	12     version, varint: 0
//	13     compression, varint: 0 none, 1 zstd
//	14     body, as it is or one zstd frame
//	end-4  CRC-32C of all bytes before, little-endian
const (
	envelopeHeader = 12
	envelopeLeast  = envelopeHeader + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// open checks an envelope and returns its decoded body.
func openEnvelope(data []byte, magic uint32) ([]byte, error) {
	if len(data) < envelopeLeast {
		return nil, fmt.Errorf("%d bytes, at least %d are needed: %w", len(data), envelopeLeast, store.ErrCorrupt)
	}
	if got := binary.BigEndian.Uint32(data); got != magic {
		return nil, fmt.Errorf("magic %08x, wanted %08x: %w", got, magic, store.ErrCorrupt)
	}
	if got := binary.LittleEndian.Uint64(data[4:]); got != uint64(len(data)) {
		return nil, fmt.Errorf("length field says %d, found %d bytes (cut short, damaged, or written by TensorStore before 0.1.36): %w", got, len(data), store.ErrCorrupt)
	}
	end := len(data) - 4
	if want, got := binary.LittleEndian.Uint32(data[end:]), crc32.Checksum(data[:end], castagnoli); want != got {
		return nil, fmt.Errorf("CRC-32C is %08x, the file says %08x: %w", got, want, store.ErrCorrupt)
	}
	c := &cursor{data: data[:end], pos: envelopeHeader}
	version, compression := c.varint(32), c.varint(32)
	if c.err != nil {
		return nil, c.err
	}
	if version != 0 {
		return nil, fmt.Errorf("format version %d: %w", version, store.ErrUnsupported)
	}
	body := c.data[c.pos:]
	switch compression {
	case 0:
		return body, nil
	case 1:
		return inflate(body)
	default:
		return nil, fmt.Errorf("compression method %d: %w", compression, store.ErrUnsupported)
	}
}

var decoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxNode))
	if err != nil {
		panic("ocdbt: options of the zstd decoder are invalid")
	}
	return d
}}

// inflate decodes exactly one zstd frame. What it allocates follows from the
// bytes that come out, not from what the frame announces, save for a window
// of at most maxNode bytes.
func inflate(frame []byte) ([]byte, error) {
	if n, err := frameLength(frame); err != nil {
		return nil, err
	} else if n != len(frame) {
		return nil, fmt.Errorf("%d bytes after the zstd frame: %w", len(frame)-n, store.ErrCorrupt)
	}
	d := decoders.Get().(*zstd.Decoder)
	defer decoders.Put(d)
	if err := d.Reset(io.MultiReader(bytes.NewReader(frame))); err != nil {
		return nil, fmt.Errorf("zstd: %w: %w", err, store.ErrCorrupt)
	}
	limit := min(maxNode, 1<<20+maxRatio*len(frame))
	out, err := io.ReadAll(io.LimitReader(d, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("zstd: %w: %w", err, store.ErrCorrupt)
	}
	if err := d.Reset(nil); err != nil {
		return nil, fmt.Errorf("zstd: %w", err)
	}
	if len(out) > limit {
		return nil, fmt.Errorf("zstd frame of %d bytes decodes to more than %d: %w", len(frame), limit, store.ErrUnsupported)
	}
	return out, nil
}

// frameLength walks over the blocks of the zstd frame at the start of b and
// returns how many bytes the frame has (RFC 8878, section 3.1.1).
func frameLength(b []byte) (int, error) {
	var h zstd.Header
	if err := h.Decode(b); err != nil {
		return 0, fmt.Errorf("zstd frame header: %w: %w", err, store.ErrCorrupt)
	}
	if h.Skippable || h.DictionaryID != 0 {
		return 0, fmt.Errorf("skippable zstd frame, or one that needs a dictionary: %w", store.ErrCorrupt)
	}
	if h.WindowSize > maxNode || h.HasFCS && h.FrameContentSize > maxNode {
		return 0, fmt.Errorf("zstd frame of window %d, content %d: more than %d bytes: %w", h.WindowSize, h.FrameContentSize, maxNode, store.ErrUnsupported)
	}
	pos := h.HeaderSize
	for last := false; !last; {
		if len(b)-pos < 3 {
			return 0, fmt.Errorf("zstd frame is cut short: %w", store.ErrCorrupt)
		}
		block := int(b[pos]) | int(b[pos+1])<<8 | int(b[pos+2])<<16
		last = block&1 != 0
		size := block >> 3
		if block>>1&3 == 1 { // one byte, to be repeated
			size = 1
		}
		if pos += 3; size > len(b)-pos {
			return 0, fmt.Errorf("zstd frame is cut short: %w", store.ErrCorrupt)
		}
		pos += size
	}
	if h.HasCheckSum {
		if pos += 4; pos > len(b) {
			return 0, fmt.Errorf("zstd frame is cut short: %w", store.ErrCorrupt)
		}
	}
	return pos, nil
}
