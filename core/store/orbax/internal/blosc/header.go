package blosc

import (
	"encoding/binary"
	"fmt"
)

// HeaderSize is the size of the fixed part of a container.
const HeaderSize = 16

const (
	flagShuffle    = 1
	flagStored     = 2
	flagBitShuffle = 4
	flagUnsplit    = 16

	maxSplits   = 16  // streams a block is split into at most
	leastSplit  = 128 // elements a block must have to be split
	shuffleMask = flagShuffle | flagBitShuffle
)

// Header is the fixed part of a container.
type Header struct {
	Codec     int // 0 blosclz, 1 lz4 and lz4hc, 2 snappy, 3 zlib, 4 zstd
	Flags     uint8
	TypeSize  int
	Size      int // decoded bytes
	BlockSize int
	Stored    int // bytes of the container
}

// ParseHeader reads and checks the fixed part of a container.
func ParseHeader(b []byte) (*Header, error) {
	if len(b) < HeaderSize {
		return nil, fmt.Errorf("blosc container of %d bytes", len(b))
	}
	h := &Header{
		Codec: int(b[2] >> 5), Flags: b[2] & 0x1f, TypeSize: int(b[3]),
		Size:      int(binary.LittleEndian.Uint32(b[4:])),
		BlockSize: int(binary.LittleEndian.Uint32(b[8:])),
		Stored:    int(binary.LittleEndian.Uint32(b[12:])),
	}
	const limit = 1<<31 - 1
	switch {
	case b[0] != 2:
		return nil, fmt.Errorf("blosc format version %d, wanted 2", b[0])
	case h.Codec > 4 || h.Flags&8 != 0:
		return nil, fmt.Errorf("blosc flags %#02x", b[2])
	case h.Flags&shuffleMask == shuffleMask:
		return nil, fmt.Errorf("blosc container with both shuffles")
	case h.TypeSize == 0:
		return nil, fmt.Errorf("blosc element size 0")
	case h.Size > limit || h.BlockSize > limit || h.Stored > limit:
		return nil, fmt.Errorf("blosc container of %d bytes in blocks of %d, stored in %d", h.Size, h.BlockSize, h.Stored)
	case h.Size > 0 && h.BlockSize == 0 && h.Flags&flagStored == 0:
		return nil, fmt.Errorf("blosc block size 0")
	}
	return h, nil
}

// Memory returns what a Reader of the container holds beside the container.
func (h *Header) Memory() int64 {
	if h.Flags&flagStored != 0 {
		return 0
	}
	return 3*int64(min(h.BlockSize, h.Size)) + 64<<10
}

// splits returns how many streams a block of n bytes has.
func (h *Header) splits(n int) int {
	if h.Flags&flagUnsplit == 0 && h.TypeSize <= maxSplits && n == h.BlockSize && n/h.TypeSize >= leastSplit {
		return h.TypeSize
	}
	return 1
}
