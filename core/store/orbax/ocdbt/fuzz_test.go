package ocdbt

import (
	"context"
	"math"
	"testing"

	"github.com/loraconv/loraconv/core/store/orbax/internal/ocdbttest"
)

var missingRoot = ocdbttest.Ref{Offset: math.MaxUint64, Length: math.MaxUint64}

func seedEntries() []ocdbttest.Entry {
	at := &ocdbttest.Ref{File: ocdbttest.File{Base: "ocdbt.process_0/", Relative: "d/1"}, Offset: 16, Length: 8}
	return append(keys(5), ocdbttest.Entry{Key: "w/0", At: at})
}

// FuzzManifest fuzzes the body of a manifest. What is accepted has versions,
// and each points into a table.
func FuzzManifest(f *testing.F) {
	body, err := openEnvelope(realManifest, magicManifest)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(body)
	f.Add(ocdbttest.Manifest(ocdbttest.Config{Numbered: true}, nil, nil))
	f.Add(ocdbttest.Manifest(ocdbttest.Config{Arity: 1}, []ocdbttest.Version{{Generation: 3, Root: missingRoot}},
		[]ocdbttest.VersionRef{{Generation: 2, Count: 2, Height: 1, At: ocdbttest.Ref{File: ocdbttest.File{Relative: "d/x"}, Length: 9}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeManifest(b); err == nil && !m.numbered && len(m.versions) == 0 {
			t.Error("a manifest without versions was accepted")
		}
	})
}

// FuzzVersionNode fuzzes the body of a version node.
func FuzzVersionNode(f *testing.F) {
	f.Add(ocdbttest.VersionNode(2, 0, []ocdbttest.Version{{Generation: 3, Root: missingRoot}, {Generation: 4, Root: missingRoot}}, nil), uint8(0))
	f.Add(ocdbttest.VersionNode(2, 1, nil, []ocdbttest.VersionRef{{Generation: 4, Count: 4, At: ocdbttest.Ref{File: ocdbttest.File{Relative: "d/x"}, Length: 9}}}), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, height uint8) {
		n, err := decodeVersionNode(b, "t/", 2, versionRef{generation: 4, height: height})
		if err == nil && (height == 0) != (len(n.versions) > 0) {
			t.Error("the wrong kind of node was accepted")
		}
	})
}

// FuzzNode fuzzes the body of a B-tree node. Keys of what is accepted ascend.
func FuzzNode(f *testing.F) {
	f.Add(ocdbttest.Leaf(seedEntries()), uint8(0))
	f.Add(ocdbttest.Interior(1, []ocdbttest.Child{
		{Key: "l.a/0", Common: 4, At: ocdbttest.Ref{File: ocdbttest.File{Relative: "d/x"}, Length: 34}},
		{Key: "l.b/0", Common: 4, At: ocdbttest.Ref{File: ocdbttest.File{Relative: "d/x"}, Offset: 34, Length: 34}},
	}), uint8(1))
	f.Fuzz(func(t *testing.T, b []byte, height uint8) {
		entries, err := decodeNode(b, "t/", height)
		if err == nil && len(entries) == 0 {
			t.Error("an empty node was accepted")
		}
		for i := 1; i < len(entries); i++ {
			if entries[i-1].key >= entries[i].key {
				t.Error("keys do not ascend")
			}
		}
	})
}

// FuzzFileTable fuzzes a data file table.
func FuzzFileTable(f *testing.F) {
	f.Add(ocdbttest.Leaf(seedEntries())[1:60])
	f.Add([]byte{0})
	f.Add([]byte{2, 3, 4, 2, 0, 0, 'd', '/', 'a', 'b', 'c', 'd'})
	f.Fuzz(func(t *testing.T, b []byte) {
		c := &cursor{data: b}
		for _, file := range readFileTable(c, "t/") {
			if file.base > len(file.path) || len(file.path) > maxPath {
				t.Errorf("file %+v", file)
			}
		}
	})
}

// FuzzDatabase fuzzes a data file with nodes: whatever lies in it, a walk ends.
// Checksums are made right, else nothing would be tried but them.
func FuzzDatabase(f *testing.F) {
	b := ocdbttest.Builder{File: ocdbttest.File{Relative: "d/x"}}
	root, height := b.Tree(keys(20), 3, false)
	f.Add(b.Data[root.Offset:], height)
	f.Add(ocdbttest.Envelope(magicNode, ocdbttest.Leaf(seedEntries()), true), uint8(0))
	f.Fuzz(func(t *testing.T, node []byte, height uint8) {
		if len(node) > envelopeLeast {
			node = ocdbttest.Reseal(node)
		}
		body := ocdbttest.Manifest(ocdbttest.Config{}, []ocdbttest.Version{{Generation: 1, Height: height, Root: ocdbttest.Ref{File: ocdbttest.File{Relative: "d/x"}, Length: uint64(len(node))}}}, nil)
		db, err := Open(context.Background(), memory{"d/x": node, Manifest: ocdbttest.Envelope(magicManifest, body, false)}, nil)
		if err != nil {
			return
		}
		for _, e := range db.Entries {
			if CheckPath(e.Value.File) != nil && e.Value.Length > 0 {
				t.Errorf("value in %q", e.Value.File)
			}
		}
	})
}
