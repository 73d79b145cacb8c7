package orbaxtest

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/klauspost/compress/zstd"

	"github.com/loraconv/loraconv/core/store/orbax/internal/ocdbttest"
	"github.com/loraconv/loraconv/core/tensor"
)

// maxInline is Orbax's limit for values inside a leaf.
const maxInline = 1024

// writer writes values to data files and collects the keys.
type writer struct {
	dir     string
	o       Options
	entries []ocdbttest.Entry

	files   int
	file    *os.File
	buf     *bufio.Writer
	name    ocdbttest.File
	offset  int64
	encoder *zstd.Encoder
}

// dataFile names the next data file: d/ and 32 hexadecimal digits.
func (w *writer) dataFile(base string) ocdbttest.File {
	sum := sha256.Sum256(fmt.Appendf(nil, "loraconv data file %d", w.files))
	w.files++
	return ocdbttest.File{Base: base, Relative: "d/" + hex.EncodeToString(sum[:16])}
}

func (w *writer) openFile() error {
	base := ""
	if w.o.ProcessDir {
		base = "ocdbt.process_0/"
	}
	w.name = w.dataFile(base)
	path := filepath.Join(w.dir, filepath.FromSlash(w.name.Base+w.name.Relative))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w.file, w.buf, w.offset = f, bufio.NewWriterSize(f, 1<<20), 0
	return nil
}

func (w *writer) closeFile() error {
	if w.file == nil {
		return nil
	}
	err := errors.Join(w.buf.Flush(), w.file.Close())
	w.file = nil
	return err
}

// value collects one value: short ones stay in memory, others go to the
// data file.
type value struct {
	w      *writer
	short  []byte
	start  int64
	length int64
	far    bool
}

func (v *value) Write(p []byte) (int, error) {
	if !v.far {
		if len(v.short)+len(p) <= maxInline {
			v.short = append(v.short, p...)
			v.length += int64(len(p))
			return len(p), nil
		}
		if err := v.spill(); err != nil {
			return 0, err
		}
	}
	n, err := v.w.buf.Write(p)
	v.w.offset += int64(n)
	v.length += int64(n)
	return n, err
}

func (v *value) spill() error {
	if v.w.file != nil && v.w.offset >= v.w.o.DataFileBytes {
		if err := v.w.closeFile(); err != nil {
			return err
		}
	}
	if v.w.file == nil {
		if err := v.w.openFile(); err != nil {
			return err
		}
	}
	v.far, v.start = true, v.w.offset
	n, err := v.w.buf.Write(v.short)
	v.w.offset += int64(n)
	return err
}

// put adds the key of a value that is complete.
func (w *writer) put(key string, v *value) {
	e := ocdbttest.Entry{Key: key, Inline: v.short}
	if v.far {
		e.At = &ocdbttest.Ref{File: w.name, Offset: uint64(v.start), Length: uint64(v.length)}
	}
	w.entries = append(w.entries, e)
}

// param writes one array.
func (w *writer) param(p Param) error {
	chunk := p.chunk()
	if err := errors.Join(p.Shape.Check(p.DType), chunk.Check(p.DType)); err != nil {
		return err
	}
	if len(chunk) != len(p.Shape) {
		return fmt.Errorf("chunk shape %v for shape %v", chunk, p.Shape)
	}
	prefix := strings.Join(p.Path, ".") + "/"
	if prefix == "/" {
		prefix = ""
	}
	doc, name := zarr2(p, w.o), ".zarray"
	if w.o.Zarr3 {
		doc, name = zarr3(p, w.o), "zarr.json"
	}
	w.entries = append(w.entries, ocdbttest.Entry{Key: prefix + name, Inline: []byte(doc)})
	grid := make([]int, len(p.Shape))
	for i := range grid {
		grid[i] = (p.Shape[i] + chunk[i] - 1) / chunk[i]
	}
	if slices.Contains(grid, 0) {
		return nil
	}
	index := make([]int, len(grid))
	for range tensor.Shape(grid).Elements() {
		v := &value{w: w}
		origin := make([]int, len(grid))
		for i := range origin {
			origin[i] = index[i] * chunk[i]
		}
		written, err := w.chunk(v, p, origin, chunk)
		if err != nil {
			return err
		}
		if written {
			w.put(prefix+chunkKey(index, w.o.Zarr3), v)
		}
		step(index, grid)
	}
	return nil
}

func chunkKey(index []int, zarr3 bool) string {
	key := strings.Trim(ints(index), "[]")
	switch {
	case zarr3:
		return strings.TrimSuffix("c/"+strings.ReplaceAll(key, ",", "/"), "/")
	case key == "":
		return "0"
	default:
		return strings.ReplaceAll(key, ",", ".")
	}
}

// chunk writes the value of one key, and reports whether there is any.
func (w *writer) chunk(v *value, p Param, origin []int, shape tensor.Shape) (bool, error) {
	if !w.o.Zarr3 {
		return w.piece(v, p, origin, shape)
	}
	inner := p.Inner
	if inner == nil {
		inner = shape
	}
	grid := make([]int, len(shape))
	for i := range grid {
		if grid[i] = shape[i] / inner[i]; shape[i]%inner[i] != 0 {
			return false, fmt.Errorf("inner chunk %v does not divide %v", inner, shape)
		}
	}
	var table []byte
	some := false
	at := make([]int, len(grid))
	for range tensor.Shape(grid).Elements() {
		start := v.length
		sub := slices.Clone(origin)
		for i := range sub {
			sub[i] += at[i] * inner[i]
		}
		written, err := false, error(nil)
		beyond := false // the shape: TensorStore stores no such chunk
		for i := range sub {
			beyond = beyond || sub[i] >= p.Shape[i]
		}
		if !beyond {
			written, err = w.piece(v, p, sub, inner)
		}
		if err != nil {
			return false, err
		}
		offset, length := uint64(math.MaxUint64), uint64(math.MaxUint64)
		if written {
			some, offset, length = true, uint64(start), uint64(v.length-start)
		}
		table = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(table, offset), length)
		step(at, grid)
	}
	if !some {
		return false, nil
	}
	table = binary.LittleEndian.AppendUint32(table, crc32.Checksum(table, crc32.MakeTable(crc32.Castagnoli)))
	_, err := v.Write(table)
	return true, err
}

// piece writes what is compressed as one.
func (w *writer) piece(v *value, p Param, origin []int, shape tensor.Shape) (bool, error) {
	r, err := p.Data(origin, shape)
	if err != nil || r == nil {
		return false, err
	}
	want := int64(shape.Elements()) * int64(p.DType.Size())
	var n int64
	if w.o.Uncompressed {
		n, err = io.Copy(v, r)
	} else {
		n, err = w.compress(v, r)
	}
	if err == nil && n != want {
		err = fmt.Errorf("piece at %v has %d bytes, wanted %d", origin, n, want)
	}
	return true, err
}

// compress writes one frame as TensorStore does for zarr 2: level 1, a window
// of 512 KiB, no checksum; literals are always Huffman-coded.
func (w *writer) compress(to io.Writer, from io.Reader) (int64, error) {
	if w.encoder == nil {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithEncoderCRC(false), zstd.WithWindowSize(512<<10), zstd.WithAllLitEntropyCompression(true), zstd.WithZeroFrames(true))
		if err != nil {
			return 0, err
		}
		w.encoder = e
	}
	w.encoder.Reset(to)
	n, err := w.encoder.ReadFrom(from)
	return n, errors.Join(err, w.encoder.Close())
}

// database writes the B-tree and the manifest.
func (w *writer) database() error {
	if err := w.closeFile(); err != nil {
		return err
	}
	slices.SortFunc(w.entries, func(a, b ocdbttest.Entry) int { return strings.Compare(a.Key, b.Key) })
	root := ocdbttest.Ref{Offset: ocdbttest.MissingMark, Length: ocdbttest.MissingMark}
	height := uint8(0)
	if len(w.entries) > 0 {
		b := &ocdbttest.Builder{File: w.dataFile("")}
		fan := w.o.NodeEntries
		if fan == 0 {
			fan = len(w.entries)
		}
		root, height = b.Tree(w.entries, fan, true)
		path := filepath.Join(w.dir, filepath.FromSlash(b.File.Relative))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := writeFile(filepath.Dir(path), filepath.Base(path), b.Data); err != nil {
			return err
		}
	}
	sum := sha256.Sum256([]byte("loraconv database"))
	version := ocdbttest.Version{Generation: 1, Height: height, Root: root, Keys: uint64(len(w.entries)), CommitTime: 1700000000000000000}
	body := ocdbttest.Manifest(ocdbttest.Config{UUID: [16]byte(sum[:16])}, []ocdbttest.Version{version}, nil)
	return writeFile(w.dir, "manifest.ocdbt", ocdbttest.Envelope(ocdbttest.MagicManifest, body, false))
}
