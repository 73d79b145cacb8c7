package safetensors

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/tensor"
)

// one is a file that holds one uint8 tensor.
func one(t *testing.T, name string, data string) string {
	t.Helper()
	return string(layout(t, Spec{name, tensor.Uint8, tensor.Shape{len(data)}}).Header) + data
}

// put writes files, a directory where the name ends in "/".
func put(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		p := filepath.Join(dir, name)
		make := func() error { return os.WriteFile(p, []byte(data), 0o644) }
		if strings.HasSuffix(name, "/") {
			make = func() error { return os.Mkdir(p, 0o755) }
		}
		if err := make(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t *testing.T, r store.Reader, name string) string {
	t.Helper()
	cs, err := r.Chunks(name)
	if err != nil || len(cs) != 1 {
		t.Fatalf("%q: %v, %v", name, cs, err)
	}
	s, err := r.Open(context.Background(), name, cs[0])
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(s)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const (
	xIn1yIn2 = `{"metadata":{"total_size":5},"weight_map":{"x":"model-00001-of-00002.safetensors","y":"model-00002-of-00002.safetensors"}}`
	first    = "model-00001-of-00002.safetensors"
	second2  = "model-00002-of-00002.safetensors"
	index    = "model.safetensors.index.json"
)

func TestOpenFinds(t *testing.T) {
	x, y, z := one(t, "x.a/b", "12"), one(t, "y", "345"), one(t, "z", "6")
	plainX := one(t, "x", "12")
	for _, c := range []struct {
		name     string
		files    map[string]string
		sub      string // opened inside the directory
		format   string
		layout   string
		tensors  map[string]string
		side     []manifest.File
		metadata string
		warnings []string
	}{
		{name: "one file", files: map[string]string{"model.safetensors": x, "config.json": "{}"}, format: "safetensors", layout: "1 file",
			tensors: map[string]string{"x.a/b": "12"}, side: []manifest.File{{Path: "config.json", Bytes: 2}}},
		{name: "a file by its name", files: map[string]string{"model.safetensors": x, "other.safetensors": y, "config.json": "{}"}, sub: "other.safetensors",
			format: "safetensors", layout: "1 file", tensors: map[string]string{"y": "345"}},
		{name: "several files", files: map[string]string{"b.safetensors": x, "a.safetensors": y}, format: "safetensors", layout: "2 files",
			tensors: map[string]string{"x.a/b": "12", "y": "345"}},
		{name: "a series without an index", files: map[string]string{first: plainX, second2: y}, format: "safetensors", layout: "2 files",
			tensors: map[string]string{"x": "12", "y": "345"}},
		{name: "shards", files: map[string]string{first: plainX, second2: y, index: xIn1yIn2, "sub/": ""}, format: "safetensors", layout: "2 shards by " + index,
			tensors: map[string]string{"x": "12", "y": "345"}},
		{name: "shards and another model", files: map[string]string{first: plainX, second2: y, index: xIn1yIn2, "consolidated.safetensors": z}, format: "safetensors",
			layout: "2 shards by " + index, tensors: map[string]string{"x": "12", "y": "345"},
			warnings: []string{`"consolidated.safetensors" is no part of this model (2 shards by model.safetensors.index.json) and is not read`}},
		{name: "a wrong total", files: map[string]string{first: plainX, second2: y, index: strings.Replace(xIn1yIn2, ":5}", ":6}", 1)}, format: "safetensors",
			layout: "2 shards by " + index, tensors: map[string]string{"x": "12", "y": "345"},
			warnings: []string{`the index "model.safetensors.index.json" gives a total_size of 6 bytes, the tensors have 5`}},
		{name: "a total that is no integer", files: map[string]string{first: plainX, second2: y, index: strings.Replace(xIn1yIn2, ":5}", ":6.5,\"more\":[{}]}", 1)}, format: "safetensors",
			layout: "2 shards by " + index, tensors: map[string]string{"x": "12", "y": "345"}},
		{name: "an adapter", files: map[string]string{"adapter_model.safetensors": x, "adapter_config.json": `{"r":16}`}, format: "peft", layout: "adapter",
			tensors: map[string]string{"x.a/b": "12"}, side: []manifest.File{{Path: "adapter_config.json", Bytes: 8}}, metadata: `{"r":16}`},
		{name: "an adapter beside a model", files: map[string]string{"adapter_model.safetensors": x, "adapter_config.json": `{}`, "model.safetensors": y}, format: "peft", layout: "adapter",
			tensors: map[string]string{"x.a/b": "12"}, side: []manifest.File{{Path: "adapter_config.json", Bytes: 2}}, metadata: `{}`,
			warnings: []string{`"model.safetensors" is no part of this model (adapter) and is not read`}},
		{name: "adapter weights without settings", files: map[string]string{"adapter_model.safetensors": x}, format: "safetensors", layout: "1 file",
			tensors: map[string]string{"x.a/b": "12"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(put(t, c.files), c.sub)
			if !Detect(path) {
				t.Error("not detected")
			}
			d, err := Open(context.Background(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			r, err := d.Tree(".")
			if err != nil {
				t.Fatal(err)
			}
			m := r.Manifest()
			got := map[string]string{}
			for _, x := range m.Tensors {
				got[x.Name] = read(t, r, x.Name)
				if !slices.Equal(x.Path, []string{x.Name}) {
					t.Errorf("path of %q is %q", x.Name, x.Path)
				}
			}
			want := store.Description{Root: path, Format: c.format, Layout: []string{c.layout}, Trees: []string{"."}, Files: c.side, Warnings: c.warnings}
			if c.metadata != "" {
				want.Metadata = []byte(c.metadata)
			}
			if diff := cmp.Diff(want, d.Describe()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.tensors, got); diff != "" {
				t.Error(diff)
			}
			if m.Format != c.format || m.Tree != "." || len(m.Fingerprint) != 64 {
				t.Errorf("manifest %+v", m)
			}
			if err := r.Recheck(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	x, y := one(t, "x", "12"), one(t, "y", "345")
	shards := func(ix string) map[string]string { return map[string]string{first: x, second2: y, index: ix} }
	for _, c := range []struct {
		name  string
		files map[string]string
		kind  error
		want  string
	}{
		{"nothing", nil, store.ErrFormat, "no .safetensors file here"},
		{"a tensor in two files", map[string]string{"a.safetensors": x, "b.safetensors": x}, store.ErrCorrupt, `tensor "x" is in "a.safetensors" and in "b.safetensors"`},
		{"a series with a gap", map[string]string{second2: y}, store.ErrUnfinished, `file "model-00001-of-00002.safetensors" is missing`},
		{"a series beyond its count", map[string]string{first: x, second2: y, "model-00003-of-00002.safetensors": one(t, "z", "")}, store.ErrCorrupt, "3 files count themselves"},
		{"two indexes", map[string]string{"a" + indexSuffix: "{}", "b" + indexSuffix: "{}"}, store.ErrFormat, "2 indexes"},
		{"a shard that is absent", map[string]string{first: x, index: xIn1yIn2}, store.ErrUnfinished, `file "model-00002-of-00002.safetensors": the index`},
		{"a shard that is not listed", map[string]string{first: x, second2: y, index: `{"weight_map":{"x":"` + first + `"}}`}, store.ErrCorrupt, `file "model-00002-of-00002.safetensors": the index "model.safetensors.index.json" does not list it`},
		{"the whole model, too", map[string]string{first: x, second2: y, index: xIn1yIn2, "model.safetensors": one(t, "z", "")}, store.ErrCorrupt, `"model.safetensors": the index`},
		{"a tensor that is not listed", shards(`{"weight_map":{"x":"` + first + `","w":"` + second2 + `"}}`), store.ErrCorrupt, `tensor "y" is in "model-00002-of-00002.safetensors", the index does not list it`},
		{"a tensor that is listed elsewhere", shards(`{"weight_map":{"x":"` + second2 + `","y":"` + first + `"}}`), store.ErrCorrupt, `tensor "x" is in "model-00001-of-00002.safetensors", the index says "model-00002-of-00002.safetensors"`},
		{"a tensor that is nowhere", shards(strings.Replace(xIn1yIn2, `"x":`, `"w":"`+first+`","x":`, 1)), store.ErrCorrupt, `tensor "w": the index`},
		{"a tensor listed twice", shards(strings.Replace(xIn1yIn2, `"x":`, `"x":"`+first+`","x":`, 1)), store.ErrCorrupt, `key "x" stands twice`},
		{"a path", shards(strings.Replace(xIn1yIn2, `"`+first, `"../`+first, 1)), store.ErrCorrupt, "no plain name"},
		{"a pickle", shards(strings.Replace(xIn1yIn2, first, "model.bin", 1)), store.ErrCorrupt, "no plain name"},
		{"no map", shards(`{"metadata":{}}`), store.ErrCorrupt, "no weight_map"},
		{"a map in capitals", shards(`{"Weight_Map":{"x":"` + first + `"}}`), store.ErrCorrupt, "no weight_map"},
		{"two maps", shards(`{"weight_map":{},"weight_map":{}}`), store.ErrCorrupt, "stands twice"},
		{"text behind", shards(xIn1yIn2 + "x"), store.ErrCorrupt, "follows the JSON"},
		{"an index that is cut off", shards(xIn1yIn2[:40]), store.ErrCorrupt, "ends too early"},
		{"an empty file", map[string]string{"a.safetensors": ""}, store.ErrCorrupt, "0 bytes, too few"},
		{"a header beyond the file", map[string]string{"a.safetensors": "\x03\x00\x00\x00\x00\x00\x00\x00{}"}, store.ErrCorrupt, "a header of 3 bytes is announced; 2 bytes follow"},
		{"a header beyond the cap", map[string]string{"a.safetensors": "\x01\xe1\xf5\x05\x00\x00\x00\x00{}"}, store.ErrCorrupt, "a header of 100000001 bytes"},
		{"a header beyond 63 bits", map[string]string{"a.safetensors": "\xff\xff\xff\xff\xff\xff\xff\xff{}"}, store.ErrCorrupt, "a header of 18446744073709551615 bytes"},
		{"bytes cut off", map[string]string{"a.safetensors": y[:len(y)-1]}, store.ErrCorrupt, "the tensors have 3 bytes, the file has 2"},
		{"bytes behind", map[string]string{"a.safetensors": y + "x"}, store.ErrCorrupt, "the tensors have 3 bytes, the file has 4"},
		{"a later type", map[string]string{"a.safetensors": strings.Replace(x, `"U8"`, `"F4"`, 1)}, store.ErrUnsupported, `element type "F4"`},
		{"an adapter's broken settings", map[string]string{"adapter_model.safetensors": x, "adapter_config.json": "{\"r\":1,\"r\":2}"}, store.ErrCorrupt, `file "adapter_config.json"`},
		{"an adapter's broken pattern", map[string]string{"adapter_model.safetensors": x, "adapter_config.json": `{"targets":[{"a":[{}]},"a","a"],"alpha_pattern":{"q":{"x":"k"},"k":"q","q":16}}`}, store.ErrCorrupt, `key "q" stands twice`},
		{"an adapter's depths", map[string]string{"adapter_model.safetensors": x, "adapter_config.json": `{"r":` + strings.Repeat("[", 1001) + strings.Repeat("]", 1001) + `}`}, store.ErrCorrupt, "nested deeper than 1000"},
		{"an adapter's list", map[string]string{"adapter_model.safetensors": x, "adapter_config.json": "[]"}, store.ErrCorrupt, `file "adapter_config.json"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, err := Open(context.Background(), put(t, c.files))
			if err == nil {
				d.Close()
				t.Fatal("accepted")
			}
			if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwanted %q of kind %q", err, c.want, c.kind)
			}
			if c.kind == store.ErrUnsupported && errors.Is(err, store.ErrCorrupt) {
				t.Errorf("%v: said to be damaged, too", err)
			}
		})
	}
	if _, err := Open(context.Background(), filepath.Join(t.TempDir(), "absent")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("absent: %v", err)
	}
}

// What is no regular file stops nobody: a link out of the directory is not
// followed, a device is not read.
func TestOpenRefusesOddFiles(t *testing.T) {
	outside := filepath.Join(put(t, map[string]string{"x.safetensors": one(t, "x", "1")}), "x.safetensors")
	for _, c := range []struct {
		name string
		make func(p string) error
		kind error
	}{
		{"link out", func(p string) error { return os.Symlink(outside, p) }, store.ErrCorrupt},
		{"link to a device", func(p string) error { return os.Symlink("/dev/zero", p) }, store.ErrCorrupt},
		{"link to itself", func(p string) error { return os.Symlink(filepath.Base(p), p) }, store.ErrCorrupt},
	} {
		dir := t.TempDir()
		if err := c.make(filepath.Join(dir, "a.safetensors")); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(context.Background(), dir); !errors.Is(err, c.kind) {
			t.Errorf("%s: %v, wanted %v", c.name, err, c.kind)
		}
	}
	// The path that the user names may itself be a link.
	link := filepath.Join(t.TempDir(), "named.safetensors")
	if err := os.Symlink(outside, link); err != nil {
		t.Fatal(err)
	}
	d, err := Open(context.Background(), link)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
}

func TestRecheck(t *testing.T) {
	base := map[string]string{first: one(t, "x", "12"), second2: one(t, "y", "345"), index: xIn1yIn2}
	for _, c := range []struct {
		name   string
		change func(dir string) error
	}{
		{"longer", func(d string) error {
			f, err := os.OpenFile(filepath.Join(d, second2), os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("x")
			return errors.Join(err, f.Close())
		}},
		{"replaced", func(d string) error {
			p := filepath.Join(d, first)
			st, err := os.Stat(p)
			if err != nil {
				return err
			}
			b, err := os.ReadFile(p)
			return errors.Join(err, os.WriteFile(p+"2", b, 0o644), os.Chtimes(p+"2", st.ModTime(), st.ModTime()), os.Rename(p+"2", p))
		}},
		{"removed", func(d string) error { return os.Remove(filepath.Join(d, first)) }},
		{"index", func(d string) error { return os.WriteFile(filepath.Join(d, index), []byte("{}"), 0o644) }},
	} {
		dir := put(t, base)
		d, err := Open(context.Background(), dir)
		if err != nil {
			t.Fatal(err)
		}
		r, err := d.Tree(".")
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Recheck(); err != nil {
			t.Errorf("%s: before: %v", c.name, err)
		}
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		if err := r.Recheck(); !errors.Is(err, store.ErrChanged) {
			t.Errorf("%s: %v, wanted ErrChanged", c.name, err)
		}
		d.Close()
	}
}

// A file that shrinks under a stream is an error of the stream, never its end.
func TestStreamOfShrunkFile(t *testing.T) {
	dir := put(t, map[string]string{"a.safetensors": one(t, "x", "0123456789")})
	d, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	r, err := d.Tree(".")
	if err != nil {
		t.Fatal(err)
	}
	cs, err := r.Chunks("x")
	if err != nil {
		t.Fatal(err)
	}
	s, err := r.Open(context.Background(), "x", cs[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "a.safetensors"), cs[0].Offset+4); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(s); !errors.Is(err, store.ErrChanged) || string(b) != "0123" {
		t.Errorf("%q, %v", b, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if s, err = r.Open(ctx, "x", cs[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(s); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	cs[0].Region.Shape = tensor.Shape{3}
	if _, err := r.Open(context.Background(), "x", cs[0]); err == nil {
		t.Error("a part of the tensor was opened as a chunk")
	}
	if _, err := r.Chunks("y"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("no such tensor: %v", err)
	}
}

// The fingerprint tells headers, names and settings apart, and nothing else:
// not the place, not the values.
func TestFingerprint(t *testing.T) {
	fingerprint := func(files map[string]string) string {
		d, err := Open(context.Background(), put(t, files))
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		r, err := d.Tree(".")
		if err != nil {
			t.Fatal(err)
		}
		return r.Manifest().Fingerprint
	}
	base := map[string]string{"adapter_model.safetensors": one(t, "x", "12"), "adapter_config.json": `{"lora_alpha":16}`}
	with := func(name, data string) map[string]string {
		m := map[string]string{}
		for k, v := range base {
			m[k] = v
		}
		m[name] = data
		return m
	}
	want := fingerprint(base)
	for name, m := range map[string]map[string]string{"again": base, "values": with("adapter_model.safetensors", one(t, "x", "34")), "side file": with("README.md", "hello")} {
		if got := fingerprint(m); got != want {
			t.Errorf("%s: the fingerprint differs", name)
		}
	}
	for name, m := range map[string]map[string]string{"name": with("adapter_model.safetensors", one(t, "y", "12")), "size": with("adapter_model.safetensors", one(t, "x", "123")),
		"settings": with("adapter_config.json", `{"lora_alpha":32}`)} {
		if fingerprint(m) == want {
			t.Errorf("%s: the fingerprint is the same", name)
		}
	}
}

// What files say of themselves is kept where they agree; where one of them says
// nothing, that is not agreement, whichever it is.
func TestMetadataThatNotAllHave(t *testing.T) {
	with := func(name string, metadata map[string]string) string {
		l, err := Plan([]Spec{{name, tensor.Uint8, tensor.Shape{2}}}, metadata)
		if err != nil {
			t.Fatal(err)
		}
		return string(l.Header) + "12"
	}
	pt := map[string]string{"format": "pt"}
	for _, c := range []struct {
		a, b map[string]string
		want string
		said bool
	}{
		{pt, pt, `{"format":"pt"}`, false},
		{nil, nil, "", false},
		{pt, nil, "", true},
		{nil, pt, "", true},
	} {
		d, err := Open(t.Context(), put(t, map[string]string{"a.safetensors": with("a", c.a), "b.safetensors": with("b", c.b)}))
		if err != nil {
			t.Fatal(err)
		}
		about := d.Describe()
		if said := len(about.Warnings) > 0; string(about.Metadata) != c.want || said != c.said {
			t.Errorf("%v and %v: metadata %q, warnings %q", c.a, c.b, about.Metadata, about.Warnings)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}
