// Package ocdbttest encodes OCDBT databases for tests: good ones, and, since it
// checks nothing, bad ones. Only testing code imports it.
package ocdbttest

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// The magics of the three kinds of envelopes.
const (
	MagicManifest = 0x0cdb3a2a
	MagicNode     = 0x0cdb20de
	MagicVersion  = 0x0cdb1234
)

// MissingMark is offset and length of a root that does not exist.
const MissingMark = 1<<64 - 1

// File is a data file: its path is Base + Relative, and what is read through
// it inherits Base.
type File struct{ Base, Relative string }

// Ref points to bytes of a data file.
type Ref struct {
	File           File
	Offset, Length uint64
}

// Entry is an entry of a leaf: its value is Inline, or lies at At.
type Entry struct {
	Key    string
	Inline []byte
	At     *Ref
}

// Child is an entry of an interior node.
type Child struct {
	Key    string
	Common int
	At     Ref
}

// Version is an entry of a manifest's list of versions.
type Version struct {
	Generation uint64
	Height     uint8
	Root       Ref
	Keys       uint64
	CommitTime uint64
}

// VersionRef points to a version node.
type VersionRef struct {
	Generation uint64
	Count      uint64
	Height     uint8
	At         Ref
}

// Config is the fixed part of a manifest.
type Config struct {
	UUID     [16]byte
	Numbered bool
	Arity    uint8 // log2; 0 stands for 4
}

func (c Config) arity() uint8 { return cmp.Or(c.Arity, 4) }

// Envelope wraps a body: magic, length, version 0, compression, body, CRC-32C.
func Envelope(magic uint32, body []byte, compress bool) []byte {
	method := byte(0)
	if compress {
		method = 1
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
		if err != nil {
			panic(err)
		}
		body = e.EncodeAll(body, nil)
	}
	b := binary.BigEndian.AppendUint32(nil, magic)
	b = binary.LittleEndian.AppendUint64(b, uint64(4+8+2+len(body)+4))
	b = append(b, 0, method)
	b = append(b, body...)
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// Reseal corrects length and checksum of an envelope that was changed.
func Reseal(envelope []byte) []byte {
	b := slices.Clone(envelope[:len(envelope)-4])
	binary.LittleEndian.PutUint64(b[4:], uint64(len(b)+4))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

type encoder struct {
	b     []byte
	files []File
}

func (e *encoder) varint(v uint64) { e.b = binary.AppendUvarint(e.b, v) }

func shared(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// table writes the data file table of refs.
func (e *encoder) table(refs []Ref) {
	for _, r := range refs {
		e.files = append(e.files, r.File)
	}
	slices.SortFunc(e.files, func(a, b File) int {
		return cmp.Or(cmp.Compare(a.Base, b.Base), cmp.Compare(a.Relative, b.Relative))
	})
	e.files = slices.Compact(e.files)
	e.varint(uint64(len(e.files)))
	prefixes := make([]int, len(e.files))
	for i := 1; i < len(e.files); i++ {
		a, b := e.files[i-1], e.files[i]
		if prefixes[i] = shared(a.Base+a.Relative, b.Base+b.Relative); a.Base != b.Base {
			prefixes[i] = min(prefixes[i], len(a.Base), len(b.Base))
		}
		e.varint(uint64(prefixes[i]))
	}
	for i, f := range e.files {
		e.varint(uint64(len(f.Base) + len(f.Relative) - prefixes[i]))
	}
	for _, f := range e.files {
		e.varint(uint64(len(f.Base)))
	}
	for i, f := range e.files {
		e.b = append(e.b, (f.Base + f.Relative)[prefixes[i]:]...)
	}
}

func (e *encoder) column(n int, f func(i int) uint64) {
	for i := range n {
		e.varint(f(i))
	}
}

// places writes the columns of file indices, offsets and lengths.
func (e *encoder) places(refs []Ref, lengths bool) {
	index := map[File]int{}
	for i, f := range e.files {
		index[f] = i
	}
	e.column(len(refs), func(i int) uint64 { return uint64(index[refs[i].File]) })
	e.column(len(refs), func(i int) uint64 { return refs[i].Offset })
	if lengths {
		e.column(len(refs), func(i int) uint64 { return refs[i].Length })
	}
}

// keys writes prefix and suffix lengths and, at the end, the suffixes; middle
// writes what stands between.
func (e *encoder) keys(n int, key func(int) string, middle func()) {
	prefixes := make([]int, n)
	for i := 1; i < n; i++ {
		prefixes[i] = shared(key(i-1), key(i))
		e.varint(uint64(prefixes[i]))
	}
	e.column(n, func(i int) uint64 { return uint64(len(key(i)) - prefixes[i]) })
	middle()
	for i := range n {
		e.b = append(e.b, key(i)[prefixes[i]:]...)
	}
}

// Leaf encodes the body of a B-tree node of height 0.
func Leaf(entries []Entry) []byte {
	e := &encoder{b: []byte{0}}
	var refs []Ref
	for _, x := range entries {
		if x.At != nil {
			refs = append(refs, *x.At)
		}
	}
	e.table(refs)
	e.varint(uint64(len(entries)))
	e.keys(len(entries), func(i int) string { return entries[i].Key }, func() {})
	e.column(len(entries), func(i int) uint64 {
		if entries[i].At != nil {
			return entries[i].At.Length
		}
		return uint64(len(entries[i].Inline))
	})
	for _, x := range entries {
		kind := byte(0)
		if x.At != nil {
			kind = 1
		}
		e.b = append(e.b, kind)
	}
	e.places(refs, false)
	for _, x := range entries {
		if x.At == nil {
			e.b = append(e.b, x.Inline...)
		}
	}
	return e.b
}

// Interior encodes the body of a B-tree node of another height.
func Interior(height uint8, children []Child) []byte {
	e := &encoder{b: []byte{height}}
	refs := make([]Ref, len(children))
	for i, c := range children {
		refs[i] = c.At
	}
	e.table(refs)
	e.varint(uint64(len(children)))
	e.keys(len(children), func(i int) string { return children[i].Key }, func() {
		e.column(len(children), func(i int) uint64 { return uint64(children[i].Common) })
	})
	e.places(refs, true)
	e.column(3*len(children), func(int) uint64 { return 1 })
	return e.b
}

// Manifest encodes the body of a manifest.
func Manifest(c Config, versions []Version, nodes []VersionRef) []byte {
	e := &encoder{b: slices.Clone(c.UUID[:])}
	kind := byte(0)
	if c.Numbered {
		kind = 1
	}
	e.b = append(e.b, kind)
	e.varint(1024)
	e.varint(100000000)
	e.b = append(e.b, c.arity(), 0)
	if c.Numbered {
		return e.b
	}
	e.table(append(versionFiles(versions), nodeFiles(nodes)...))
	e.versions(versions)
	e.nodes(nodes)
	for _, n := range nodes {
		e.b = append(e.b, n.Height)
	}
	return e.b
}

// VersionNode encodes the body of a version node: of height 0 with versions, of
// another height with nodes.
func VersionNode(arity, height uint8, versions []Version, nodes []VersionRef) []byte {
	e := &encoder{b: []byte{arity, height}}
	if height == 0 {
		e.table(versionFiles(versions))
		e.versions(versions)
	} else {
		e.table(nodeFiles(nodes))
		e.nodes(nodes)
	}
	return e.b
}

func versionFiles(versions []Version) []Ref {
	var refs []Ref
	for _, v := range versions {
		refs = append(refs, v.Root)
	}
	return refs
}

func nodeFiles(nodes []VersionRef) []Ref {
	var refs []Ref
	for _, n := range nodes {
		refs = append(refs, n.At)
	}
	return refs
}

func (e *encoder) versions(versions []Version) {
	n := len(versions)
	e.varint(uint64(n))
	e.column(n, func(i int) uint64 { return versions[i].Generation })
	for _, v := range versions {
		e.b = append(e.b, v.Height)
	}
	e.places(versionFiles(versions), true)
	e.column(n, func(i int) uint64 { return versions[i].Keys })
	e.column(2*n, func(int) uint64 { return 0 })
	for _, v := range versions {
		e.b = binary.LittleEndian.AppendUint64(e.b, v.CommitTime)
	}
}

func (e *encoder) nodes(nodes []VersionRef) {
	n := len(nodes)
	e.varint(uint64(n))
	e.column(n, func(i int) uint64 { return nodes[i].Generation })
	e.places(nodeFiles(nodes), true)
	e.column(n, func(i int) uint64 { return nodes[i].Count })
	for range nodes {
		e.b = binary.LittleEndian.AppendUint64(e.b, 0)
	}
}

// Builder puts envelopes into one data file.
type Builder struct {
	File File
	Data []byte
}

// Add appends an envelope and returns where it is.
func (b *Builder) Add(envelope []byte) Ref {
	r := Ref{b.File, uint64(len(b.Data)), uint64(len(envelope))}
	b.Data = append(b.Data, envelope...)
	return r
}

// Tree appends a B-tree of the entries, with at most fan entries a node, and
// returns its root and height. The entries must be sorted.
func (b *Builder) Tree(entries []Entry, fan int, compress bool) (root Ref, height uint8) {
	type node struct {
		first string
		last  string
		at    Ref
		own   int // bytes that its keys leave out
	}
	var level []node
	for part := range slices.Chunk(entries, fan) {
		first, last := part[0].Key, part[len(part)-1].Key
		cut := 0
		if len(entries) > fan {
			cut = shared(first, last)
		}
		short := slices.Clone(part)
		for i := range short {
			short[i].Key = short[i].Key[cut:]
		}
		level = append(level, node{first, last, b.Add(Envelope(MagicNode, Leaf(short), compress)), cut})
	}
	for height = 0; len(level) > 1; {
		height++
		var next []node
		single := len(level) <= fan
		for part := range slices.Chunk(level, fan) {
			cut := 0
			if !single {
				cut = shared(part[0].first, part[len(part)-1].last)
				for _, n := range part {
					cut = min(cut, n.own)
				}
			}
			var children []Child
			for _, n := range part {
				children = append(children, Child{n.first[cut:], n.own - cut, n.at})
			}
			next = append(next, node{part[0].first, part[len(part)-1].last, b.Add(Envelope(MagicNode, Interior(height, children), compress)), cut})
		}
		level = next
	}
	return level[0].at, height
}
