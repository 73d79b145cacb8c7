package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

const (
	readBackBlock = 4 << 20
	readBackAhead = 3 // blocks in memory: one is read, one waits, one is handed out
)

// ReadBackMemory is the most that one ReadBack holds, in bytes.
const ReadBackMemory = readBackBlock * readBackAhead

// ReadBack hands fn the bytes of f in order, block by block, which fn does not
// keep. They are read from the disk where the system can be asked for that,
// past what the page cache remembers of writing them; in any case the cache does
// not grow. f must be synced, and size is what it has; a file that is shorter is
// an error. The next blocks are read while fn runs.
func ReadBack(ctx context.Context, f *os.File, size int64, fn func([]byte)) error {
	ctx, cancel := context.WithCancel(ctx)
	r := &readBack{f: f, direct: openDirect(f, os.O_RDONLY), size: size, full: make(chan readBlock, readBackAhead-2), empty: make(chan []byte, readBackAhead)}
	room := int(min(readBackBlock, size))
	for range readBackAhead {
		r.empty <- aligned(room)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.read(ctx)
	}()
	defer func() {
		cancel()
		<-ended
		if r.direct != nil {
			_ = r.direct.Close() // nothing was written
		}
	}()
	for b := range r.full {
		if b.err != nil {
			return b.err
		}
		fn(b.data)
		r.empty <- b.data[:cap(b.data)]
	}
	return ctx.Err()
}

type readBack struct {
	f, direct *os.File
	size      int64
	full      chan readBlock
	empty     chan []byte
}

type readBlock struct {
	data []byte
	err  error
}

// read fills blocks up to the end of the file, or an error.
func (r *readBack) read(ctx context.Context) {
	defer close(r.full)
	dropCache(r.f, 0, 0)
	for at := int64(0); at < r.size && ctx.Err() == nil; {
		b := readBlock{data: <-r.empty}
		b.data = b.data[:min(r.size-at, readBackBlock)]
		b.err = r.block(b.data, at)
		at += int64(len(b.data))
		select {
		case r.full <- b:
		case <-ctx.Done():
			return
		}
		if b.err != nil {
			return
		}
	}
}

// block reads b at a multiple of the block's size.
func (r *readBack) block(b []byte, at int64) error {
	done := 0
	if r.direct != nil {
		done = len(b) &^ (directBlock - 1) // what follows is the end of the file
		if err := readFull(r.direct, b[:done], at); refusedDirect(err) {
			_ = r.direct.Close()
			r.direct, done = nil, 0
		} else if err != nil {
			return err
		}
	}
	if done == len(b) {
		return nil
	}
	err := readFull(r.f, b[done:], at+int64(done))
	dropCache(r.f, at, int64(len(b)))
	return err
}

func readFull(f *os.File, b []byte, at int64) error {
	n, err := f.ReadAt(b, at)
	if n < len(b) && errors.Is(err, io.EOF) {
		return fmt.Errorf("%s ends after %d bytes, and was longer: %w", f.Name(), at+int64(n), io.ErrUnexpectedEOF)
	}
	if n == len(b) {
		return nil
	}
	return err
}
