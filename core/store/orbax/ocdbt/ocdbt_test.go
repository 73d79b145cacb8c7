package ocdbt

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/internal/ocdbttest"
)

// memory is a database's directory in memory.
type memory map[string][]byte

func (m memory) Size(name string) (int64, error) {
	if b, ok := m[name]; ok {
		return int64(len(b)), nil
	}
	return 0, fmt.Errorf("file %q: %w", name, store.ErrNotFound)
}

func (m memory) ReadAt(name string, p []byte, offset int64) error {
	b := m[name]
	if offset < 0 || offset > int64(len(b)) || int64(len(p)) > int64(len(b))-offset {
		return errors.New("read outside the file")
	}
	copy(p, b[offset:])
	return nil
}

func (m memory) Names() ([]string, error) {
	var names []string
	for n := range m {
		names = append(names, n)
	}
	return names, nil
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		panic(err)
	}
	return b
}

// The manifest that Orbax wrote for a checkpoint of tunix
// (tests/sft/test_data/checkpoints/1/model_params/manifest.ocdbt).
var realManifest = unhex(`
	0c db 3a 2a 71 00 00 00 00 00 00 00 00 01 28 b5 2f fd 20 56 b1 02 00 d0 6a f2 4c a0 8b 5f a1 4a
	11 c3 b7 83 38 24 60 00 80 08 80 c2 d7 2f 04 01 00 00 00 00 01 22 00 64 2f 38 66 32 65 64 39 64
	34 35 65 63 38 31 65 62 61 39 63 35 36 31 32 30 36 35 65 65 36 36 39 35 38 01 01 00 00 00 96 03
	11 96 03 00 cb 28 b6 f0 e2 99 6c 18 00 8a b9 6e 89`)

func TestRealManifest(t *testing.T) {
	body, err := openEnvelope(realManifest, magicManifest)
	if err != nil {
		t.Fatal(err)
	}
	m, err := decodeManifest(body)
	if err != nil {
		t.Fatal(err)
	}
	if m.numbered || m.arity != 4 || len(m.versions) != 1 || len(m.refs) != 0 || hex.EncodeToString(m.uuid[:]) != "d06af24ca08b5fa14a11c3b783382460" {
		t.Errorf("manifest %+v", m)
	}
	v := m.versions[0]
	if v.Generation != 1 || v.CommitTime != 1759950754375149771 || v.Keys != 17 || v.height != 0 ||
		v.root.file.path != "d/8f2ed9d45ec81eba9c5612065ee66958" || v.root.offset != 0 || v.root.length != 406 {
		t.Errorf("version %+v", v)
	}
}

// TestEnvelope flips every bit of a real manifest, cuts it short at every byte
// and adds a byte: nothing of that is accepted.
func TestEnvelope(t *testing.T) {
	for i := range realManifest {
		for bit := range 8 {
			b := slices.Clone(realManifest)
			b[i] ^= 1 << bit
			if _, err := openEnvelope(b, magicManifest); err == nil {
				t.Errorf("bit %d of byte %d makes no difference", bit, i)
			}
		}
		if _, err := openEnvelope(realManifest[:i], magicManifest); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("cut short at %d: error %v", i, err)
		}
	}
	longer := append(slices.Clone(realManifest), 0)
	for name, b := range map[string][]byte{"longer": longer, "longer, resealed": ocdbttest.Reseal(append(longer, 0, 0, 0))} {
		if _, err := openEnvelope(b, magicManifest); err == nil {
			t.Errorf("%s: was accepted", name)
		}
	}
	// A second frame, or a skippable one, is no part of the body.
	frame := realManifest[14 : len(realManifest)-4]
	for name, more := range map[string][]byte{"a second frame": frame, "a skippable frame": {0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0}} {
		b := slices.Concat(realManifest[:len(realManifest)-4], more, make([]byte, 4))
		if _, err := openEnvelope(ocdbttest.Reseal(b), magicManifest); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := openEnvelope(realManifest, magicNode); err == nil {
		t.Error("a manifest passes for a node")
	}
	for at, want := range map[int]error{12: store.ErrUnsupported, 13: store.ErrUnsupported} {
		b := slices.Clone(realManifest)
		b[at] = 2
		if _, err := openEnvelope(ocdbttest.Reseal(b), magicManifest); !errors.Is(err, want) {
			t.Errorf("byte %d is 2: error %v", at, err)
		}
	}
}

// TestFormatExamples reads a database with a base path and a value in a data
// file, and a tree of two levels, that were put together byte by byte.
func TestFormatExamples(t *testing.T) {
	leaf := unhex(`0c db 20 de 5e 00 00 00 00 00 00 00 00 00 00 01 32 10 6f 63 64 62 74 2e 70 72 6f 63 65 73 73 5f
		30 2f 64 2f 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30
		30 30 62 62 02 02 09 01 77 2f 2e 7a 61 72 72 61 79 30 02 08 00 01 00 10 7b 7d df 0d 45 56`)
	manifest := unhex(`0c db 3a 2a 62 00 00 00 00 00 00 00 00 00 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 00 80
		08 80 c2 d7 2f 04 00 01 22 00 64 2f 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30
		30 30 30 30 30 30 30 30 30 30 61 61 01 01 00 00 00 5e 02 5e 08 00 00 2a 36 fe 9c 97 17 00 30 d6
		2f 55`)
	node := "d/000000000000000000000000000000aa"
	db, err := Open(context.Background(), memory{Manifest: manifest, node: leaf}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{"w/.zarray", Value{Inline: []byte("{}"), File: node, Length: 2}},
		{"w/0", Value{File: "ocdbt.process_0/d/000000000000000000000000000000bb", Offset: 16, Length: 8}},
	}
	if d := cmp.Diff(want, db.Entries); d != "" {
		t.Error(d)
	}

	root := unhex(`0c db 20 de 52 00 00 00 00 00 00 00 00 00 01 01 22 00 64 2f 30 30 30 30 30 30 30 30 30 30 30 30
		30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 30 61 61 02 02 05 03 04 04 6c 2e 61 2f 30 62
		2f 30 00 00 00 22 22 22 02 02 22 22 00 00 6d 64 5e 5d`)
	first := unhex(`0c db 20 de 22 00 00 00 00 00 00 00 00 00 00 00 02 00 01 01 30 31 02 02 00 00 56 30 56 31 05 1c 82 32`)
	data := slices.Concat(first, first, root)
	db, err = openTree(memory{node: data}, ocdbttest.Ref{File: ocdbttest.File{Relative: node}, Offset: 68, Length: 82}, 1)
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for _, e := range db.Entries {
		keys = append(keys, e.Key+"="+string(e.Value.Inline))
	}
	if d := cmp.Diff([]string{"l.a/0=V0", "l.a/1=V1", "l.b/0=V0", "l.b/1=V1"}, keys); d != "" {
		t.Error(d)
	}
}

// openTree opens a database whose manifest points to a root.
func openTree(files memory, root ocdbttest.Ref, height uint8) (*Database, error) {
	body := ocdbttest.Manifest(ocdbttest.Config{}, []ocdbttest.Version{{Generation: 1, Height: height, Root: root}}, nil)
	files[Manifest] = ocdbttest.Envelope(ocdbttest.MagicManifest, body, false)
	return Open(context.Background(), files, nil)
}

// keys makes n sorted keys that share prefixes.
func keys(n int) []ocdbttest.Entry {
	var out []ocdbttest.Entry
	for i := range n {
		out = append(out, ocdbttest.Entry{Key: fmt.Sprintf("layer.%03d.kernel/%d.%d", i/9, i/3%3, i%3), Inline: []byte{byte(i)}})
	}
	return out
}

// TestTrees reads trees of every height, with and without compression.
func TestTrees(t *testing.T) {
	for _, n := range []int{1, 2, 3, 10, 200} {
		for _, fan := range []int{2, 3, 1000} {
			for _, compress := range []bool{false, true} {
				b := ocdbttest.Builder{File: ocdbttest.File{Relative: "d/x"}}
				root, height := b.Tree(keys(n), fan, compress)
				db, err := openTree(memory{"d/x": b.Data}, root, height)
				if err != nil {
					t.Fatalf("%d keys, %d a node: %v", n, fan, err)
				}
				var got []string
				for _, e := range db.Entries {
					got = append(got, e.Key)
				}
				var want []string
				for _, e := range keys(n) {
					want = append(want, e.Key)
				}
				if d := cmp.Diff(want, got); d != "" {
					t.Errorf("%d keys, %d a node, height %d: %s", n, fan, height, d)
				}
			}
		}
	}
}

// TestTransitive: what is reached through a base path reads its own paths
// below that base, and not below the relative part.
func TestTransitive(t *testing.T) {
	inner := ocdbttest.Builder{File: ocdbttest.File{Base: "p/", Relative: "d/inner"}}
	value := ocdbttest.Ref{File: ocdbttest.File{Base: "q/", Relative: "d/v"}, Offset: 1, Length: 2}
	leaf := inner.Add(ocdbttest.Envelope(magicNode, ocdbttest.Leaf([]ocdbttest.Entry{{Key: "k", At: &value}}), false))
	outer := ocdbttest.Builder{File: ocdbttest.File{Relative: "d/outer"}}
	root := outer.Add(ocdbttest.Envelope(magicNode, ocdbttest.Interior(1, []ocdbttest.Child{{Key: "k", At: leaf}}), false))
	db, err := openTree(memory{"p/d/inner": inner.Data, "d/outer": outer.Data}, root, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := db.Entries[0].Value.File; got != "p/q/d/v" {
		t.Errorf("value in %q", got)
	}
}

// TestEmpty: a version without a root, and numbered manifests without any.
func TestEmpty(t *testing.T) {
	db, err := openTree(memory{}, ocdbttest.Ref{Offset: math.MaxUint64, Length: math.MaxUint64}, 0)
	if err != nil || len(db.Entries) != 0 {
		t.Errorf("%v, %v", db, err)
	}
	numbered := ocdbttest.Envelope(magicManifest, ocdbttest.Manifest(ocdbttest.Config{Numbered: true}, nil, nil), true)
	db, err = Open(context.Background(), memory{Manifest: numbered}, nil)
	if err != nil || len(db.Entries) != 0 {
		t.Errorf("%v, %v", db, err)
	}
}

// TestNumbered: the manifest with the highest number counts, and must be what
// its name says.
func TestNumbered(t *testing.T) {
	config := ocdbttest.Config{UUID: [16]byte{7}}
	manifest := func(c ocdbttest.Config, generation uint64, root ocdbttest.Ref) []byte {
		return ocdbttest.Envelope(magicManifest, ocdbttest.Manifest(c, []ocdbttest.Version{{Generation: generation, Root: root}}, nil), true)
	}
	b := ocdbttest.Builder{File: ocdbttest.File{Relative: "d/x"}}
	one, _ := b.Tree(keys(1), 10, false)
	two, _ := b.Tree(keys(2), 10, false)
	fresh := func() memory {
		return memory{
			Manifest: ocdbttest.Envelope(magicManifest, ocdbttest.Manifest(ocdbttest.Config{UUID: config.UUID, Numbered: true}, nil, nil), false),
			"d/x":    b.Data, "manifest.0000000000000009": manifest(config, 9, one), "manifest.000000000000000a": manifest(config, 10, two),
			"manifest.000000000000000B": nil, "manifest.0000000000000000": nil, "manifest.c": nil,
		}
	}
	db, err := Open(context.Background(), fresh(), nil)
	if err != nil || len(db.Entries) != 2 || db.Generation != 10 {
		t.Fatalf("%+v, %v", db, err)
	}
	for name, change := range map[string]func(memory){
		"another generation": func(m memory) { m["manifest.000000000000000b"] = manifest(config, 10, two) },
		"another database":   func(m memory) { m["manifest.000000000000000b"] = manifest(ocdbttest.Config{}, 11, two) },
		"numbered again":     func(m memory) { m["manifest.000000000000000b"] = m[Manifest] },
		"empty file":         func(m memory) { m["manifest.000000000000000b"] = nil },
	} {
		m := fresh()
		change(m)
		if _, err := Open(context.Background(), m, nil); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// TestHostile: databases that are well-formed in each part and no tree as a
// whole.
func TestHostile(t *testing.T) {
	file := ocdbttest.File{Relative: "d/x"}
	leaf := func(keys ...string) []byte {
		var entries []ocdbttest.Entry
		for _, k := range keys {
			entries = append(entries, ocdbttest.Entry{Key: k, Inline: []byte("v")})
		}
		return ocdbttest.Envelope(magicNode, ocdbttest.Leaf(entries), false)
	}
	interior := func(height uint8, children ...ocdbttest.Child) []byte {
		return ocdbttest.Envelope(magicNode, ocdbttest.Interior(height, children), false)
	}
	tests := []struct {
		name  string
		build func(b *ocdbttest.Builder) (root ocdbttest.Ref, height uint8)
		text  string
	}{
		{"DAG bomb", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			// 2^40 leaves if every reference were followed.
			at := b.Add(leaf("k"))
			for h := range uint8(40) {
				at = b.Add(interior(h+1, ocdbttest.Child{Key: "a", At: at}, ocdbttest.Child{Key: "b", At: at}))
			}
			return at, 40
		}, `before "a"|behind|twice`},
		{"DAG bomb with fitting prefixes", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			at := b.Add(leaf(""))
			for h := range uint8(40) {
				at = b.Add(interior(h+1, ocdbttest.Child{Key: "a", Common: 1, At: at}, ocdbttest.Child{Key: "b", Common: 1, At: at}))
			}
			return at, 40
		}, "twice"},
		{"cycle", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			node := interior(200, ocdbttest.Child{Key: "a", At: ocdbttest.Ref{File: file, Length: 40}})
			at := ocdbttest.Ref{File: file, Length: uint64(len(node))}
			return b.Add(interior(200, ocdbttest.Child{Key: "a", At: at})), 200
		}, "twice"},
		{"height of a child", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			return b.Add(interior(2, ocdbttest.Child{Key: "a", At: b.Add(leaf("a"))})), 2
		}, "height 0, 1 was promised"},
		{"height of the root", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) { return b.Add(leaf("a")), 1 }, "height 0, 1 was promised"},
		{"keys before the child", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			return b.Add(interior(1, ocdbttest.Child{Key: "b", At: b.Add(leaf("a", "b"))})), 1
		}, `"a" lies before "b"`},
		{"keys of the next child", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			return b.Add(interior(1, ocdbttest.Child{Key: "a", At: b.Add(leaf("a", "c"))}, ocdbttest.Child{Key: "c", At: b.Add(leaf("c", "d"))})), 1
		}, `"c" lies at or behind "c"`},
		{"keys beyond the grandparent's bound", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			low := b.Add(interior(1, ocdbttest.Child{Key: "a", At: b.Add(leaf("a", "x"))}))
			high := b.Add(interior(1, ocdbttest.Child{Key: "m", At: b.Add(leaf("m"))}))
			return b.Add(interior(2, ocdbttest.Child{Key: "a", At: low}, ocdbttest.Child{Key: "m", At: high})), 2
		}, `"x" lies at or behind "m"`},
		{"descending keys", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) { return b.Add(leaf("b", "a")), 0 }, "does not follow"},
		{"equal keys", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) { return b.Add(leaf("a", "a")), 0 }, "does not follow"},
		{"no entries", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) { return b.Add(leaf()), 0 }, "0 entries"},
		{"common prefix beyond the key", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			return b.Add(interior(1, ocdbttest.Child{Key: "a", Common: 2, At: b.Add(leaf("a"))})), 1
		}, "share 2 bytes"},
		{"node beyond its file", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			at := b.Add(leaf("a"))
			at.Length++
			return at, 0
		}, "wanted of a file"},
		{"node at an offset that overflows", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			return ocdbttest.Ref{File: file, Offset: math.MaxUint64 - 3, Length: 8}, 0
		}, "range"},
		{"node of 2^62 bytes", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			return ocdbttest.Ref{File: file, Length: 1 << 62}, 0
		}, "at most"},
		{"node in another file", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			return ocdbttest.Ref{File: ocdbttest.File{Relative: "d/y"}, Length: 20}, 0
		}, "not found"},
		{"node outside", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			return ocdbttest.Ref{File: ocdbttest.File{Relative: "../x"}, Length: 20}, 0
		}, "leads out"},
		{"value outside", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			e := ocdbttest.Entry{Key: "k", At: &ocdbttest.Ref{File: ocdbttest.File{Relative: "/etc/passwd"}, Length: 20}}
			return b.Add(ocdbttest.Envelope(magicNode, ocdbttest.Leaf([]ocdbttest.Entry{e}), false)), 0
		}, "leads out"},
		{"value that overflows", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			e := ocdbttest.Entry{Key: "k", At: &ocdbttest.Ref{File: file, Offset: math.MaxInt64, Length: 1}}
			return b.Add(ocdbttest.Envelope(magicNode, ocdbttest.Leaf([]ocdbttest.Entry{e}), false)), 0
		}, "range"},
		{"inline value of 2 MiB", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			e := ocdbttest.Entry{Key: "k", Inline: make([]byte, 2<<20)}
			return b.Add(ocdbttest.Envelope(magicNode, ocdbttest.Leaf([]ocdbttest.Entry{e}), false)), 0
		}, "inline value"},
		{"zstd bomb", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			return b.Add(ocdbttest.Envelope(magicNode, make([]byte, maxNode+1), true)), 0
		}, "more than"},
		{"keys that unfold to gigabytes", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			var entries []ocdbttest.Entry
			long := strings.Repeat("k", 60000)
			for i := range 5000 {
				entries = append(entries, ocdbttest.Entry{Key: fmt.Sprintf("%s%05d", long, i)})
			}
			return b.Add(ocdbttest.Envelope(magicNode, ocdbttest.Leaf(entries), true)), 0
		}, "keys of more than"},
		{"paths that unfold to gigabytes", func(b *ocdbttest.Builder) (ocdbttest.Ref, uint8) {
			var entries []ocdbttest.Entry
			long := strings.Repeat("p", 60000)
			for i := range 5000 {
				at := &ocdbttest.Ref{File: ocdbttest.File{Relative: fmt.Sprintf("%s%05d", long, i)}, Length: 1}
				entries = append(entries, ocdbttest.Entry{Key: fmt.Sprintf("%05d", i), At: at})
			}
			return b.Add(ocdbttest.Envelope(magicNode, ocdbttest.Leaf(entries), true)), 0
		}, "paths of more than"},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			b := ocdbttest.Builder{File: file}
			root, height := c.build(&b)
			_, err := openTree(memory{"d/x": b.Data}, root, height)
			if err == nil {
				t.Fatal("was accepted")
			}
			known := []error{store.ErrCorrupt, store.ErrUnsupported, store.ErrNotFound}
			if !slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) }) ||
				!slices.ContainsFunc(strings.Split(c.text, "|"), func(s string) bool { return strings.Contains(err.Error(), s) }) {
				t.Errorf("error %v, wanted %q", err, c.text)
			}
		})
	}
}

// TestManyNodes: the number of nodes is bounded, whatever their size.
func TestManyNodes(t *testing.T) {
	b := ocdbttest.Builder{File: ocdbttest.File{Relative: "d/x"}}
	var children []ocdbttest.Child
	for i := range maxNodes + 1 {
		key := fmt.Sprintf("%07d", i)
		children = append(children, ocdbttest.Child{Key: key, At: b.Add(ocdbttest.Envelope(magicNode, ocdbttest.Leaf([]ocdbttest.Entry{{Key: key}}), false))})
	}
	root := b.Add(ocdbttest.Envelope(magicNode, ocdbttest.Interior(1, children), false))
	if _, err := openTree(memory{"d/x": b.Data}, root, 1); !errors.Is(err, store.ErrUnsupported) {
		t.Errorf("error %v", err)
	}
}

// TestManifestFaults changes one number of a manifest each.
func TestManifestFaults(t *testing.T) {
	missing := ocdbttest.Ref{Offset: math.MaxUint64, Length: math.MaxUint64}
	v := func(g uint64) ocdbttest.Version { return ocdbttest.Version{Generation: g, Root: missing} }
	at := ocdbttest.Ref{File: ocdbttest.File{Relative: "d/x"}, Length: 30}
	tests := []struct {
		name     string
		config   ocdbttest.Config
		versions []ocdbttest.Version
		nodes    []ocdbttest.VersionRef
		good     bool
	}{
		{"one version", ocdbttest.Config{}, []ocdbttest.Version{v(1)}, nil, true},
		{"gaps", ocdbttest.Config{}, []ocdbttest.Version{v(1), v(3), v(16)}, nil, true},
		{"no version", ocdbttest.Config{}, nil, nil, false},
		{"generation 0", ocdbttest.Config{}, []ocdbttest.Version{v(0)}, nil, false},
		{"descending", ocdbttest.Config{}, []ocdbttest.Version{v(2), v(1)}, nil, false},
		{"too many for the arity", ocdbttest.Config{Arity: 1}, []ocdbttest.Version{v(1), v(2), v(3)}, nil, false},
		{"too far apart", ocdbttest.Config{}, []ocdbttest.Version{v(1), v(17)}, nil, false},
		{"arity", ocdbttest.Config{Arity: 17}, []ocdbttest.Version{v(1)}, nil, false},
		{"empty version with a height", ocdbttest.Config{}, []ocdbttest.Version{{Generation: 1, Height: 1, Root: missing}}, nil, false},
		{"version node", ocdbttest.Config{Arity: 1}, []ocdbttest.Version{v(3)}, []ocdbttest.VersionRef{{Generation: 2, Count: 2, Height: 1, At: at}}, true},
		{"version node of height 0", ocdbttest.Config{Arity: 1}, []ocdbttest.Version{v(3)}, []ocdbttest.VersionRef{{Generation: 2, Height: 0, At: at}}, false},
		{"version node for the inline versions", ocdbttest.Config{Arity: 1}, []ocdbttest.Version{v(3)}, []ocdbttest.VersionRef{{Generation: 3, Height: 1, At: at}}, false},
		{"version nodes ascending", ocdbttest.Config{Arity: 1}, []ocdbttest.Version{v(9)}, []ocdbttest.VersionRef{{Generation: 2, Height: 1, At: at}, {Generation: 4, Height: 2, At: at}}, false},
		{"version node too high", ocdbttest.Config{Arity: 4}, []ocdbttest.Version{v(17)}, []ocdbttest.VersionRef{{Generation: 16, Height: 15, At: at}}, false},
	}
	for _, c := range tests {
		_, err := decodeManifest(ocdbttest.Manifest(c.config, c.versions, c.nodes))
		if (err == nil) != c.good {
			t.Errorf("%s: error %v", c.name, err)
		}
	}
	body := ocdbttest.Manifest(ocdbttest.Config{}, []ocdbttest.Version{v(1)}, nil)
	for n := range body {
		if _, err := decodeManifest(body[:n]); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("cut short at %d: error %v", n, err)
		}
	}
	if _, err := decodeManifest(append(body, 0)); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a byte too many: error %v", err)
	}
}

// TestVersions walks version nodes of two levels.
func TestVersions(t *testing.T) {
	missing := ocdbttest.Ref{Offset: math.MaxUint64, Length: math.MaxUint64}
	b := ocdbttest.Builder{File: ocdbttest.File{Relative: "d/v"}}
	node := func(height uint8, versions []ocdbttest.Version, nodes []ocdbttest.VersionRef) ocdbttest.Ref {
		return b.Add(ocdbttest.Envelope(magicVersion, ocdbttest.VersionNode(1, height, versions, nodes), true))
	}
	pair := func(first uint64) ocdbttest.Ref {
		return node(0, []ocdbttest.Version{{Generation: first, Root: missing}, {Generation: first + 1, Root: missing}}, nil)
	}
	child := func(g uint64, height uint8, at ocdbttest.Ref) ocdbttest.VersionRef {
		return ocdbttest.VersionRef{Generation: g, Count: 2, Height: height, At: at}
	}
	quad := func(last uint64) []ocdbttest.VersionRef {
		return []ocdbttest.VersionRef{child(last-2, 0, pair(last-3)), child(last, 0, pair(last-1))}
	}
	// Arity 2: generations 1..4 below a node of height 1, 5..6 inline's
	// predecessor is a node of height 1 with one child, 7 is inline.
	refs := []ocdbttest.VersionRef{
		child(4, 2, node(2, nil, []ocdbttest.VersionRef{child(4, 1, node(1, nil, quad(4)))})),
		child(6, 1, node(1, nil, []ocdbttest.VersionRef{child(6, 0, pair(5))})),
	}
	manifest := ocdbttest.Manifest(ocdbttest.Config{Arity: 1}, []ocdbttest.Version{{Generation: 7, Root: missing}}, refs)
	db, err := Open(context.Background(), memory{Manifest: ocdbttest.Envelope(magicManifest, manifest, false), "d/v": b.Data}, nil)
	if err != nil {
		t.Fatal(err)
	}
	versions, err := db.Versions(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var got []uint64
	for _, v := range versions {
		got = append(got, v.Generation)
	}
	if d := cmp.Diff([]uint64{1, 2, 3, 4, 5, 6, 7}, got); d != "" {
		t.Error(d)
	}
}

// TestVarint checks the numbers at the ends of their ranges.
func TestVarint(t *testing.T) {
	tests := []struct {
		bytes string
		width uint
		want  uint64
		good  bool
	}{
		{"00", 32, 0, true}, {"7f", 32, 127, true}, {"8001", 32, 128, true}, {"8000", 32, 0, true},
		{"ffffffff0f", 32, math.MaxUint32, true}, {"ffffffff1f", 32, 0, false}, {"808080808000", 32, 0, false},
		{"ffffffffffffffffff01", 64, math.MaxUint64, true}, {"ffffffffffffffffff02", 64, 0, false}, {"80808080808080808080 00", 64, 0, false},
		{"", 32, 0, false}, {"80", 32, 0, false},
	}
	for _, c := range tests {
		cur := &cursor{data: unhex(c.bytes)}
		got := cur.varint(c.width)
		if (cur.done() == nil) != c.good || c.good && got != c.want {
			t.Errorf("%s of %d bits: %d, %v", c.bytes, c.width, got, cur.done())
		}
	}
}
