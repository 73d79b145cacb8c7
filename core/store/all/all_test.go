package all

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/orbaxtest"
	"github.com/loraconv/loraconv/core/store/safetensors"
	"github.com/loraconv/loraconv/core/tensor"
)

// tree makes, in one directory, one of each thing that may be named.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	l, err := safetensors.Plan([]safetensors.Spec{{Name: "x", DType: tensor.Uint8, Shape: tensor.Shape{0}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	weights := string(l.Header)
	for name, data := range map[string]string{
		"hf/model.safetensors":           weights,
		"peft/adapter_model.safetensors": weights,
		"peft/adapter_config.json":       "{}",
		"old/pytorch_model.bin":          "PK",
		"old/config.json":                "{}",
		"text/README.md":                 "hello",
		"text/a":                         "", "text/b": "", "text/c": "", "text/d": "", "text/e": "",
		"both/model.safetensors":             weights,
		"index/model.safetensors.index.json": `{"weight_map":{"x":"model-00001-of-00002.safetensors"}}`,
		"file.ckpt":                          "PK",
		"FILE.PTH":                           "PK",
		"file.npz":                           "PK",
	} {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "empty"), 0o755); err != nil {
		t.Fatal(err)
	}
	data := []byte{1, 2, 3}
	params := []orbaxtest.Param{{Path: []string{"w"}, DType: tensor.Uint8, Shape: tensor.Shape{3}, Data: orbaxtest.FromBytes(data, tensor.Uint8, tensor.Shape{3})}}
	for _, d := range []string{"orbax", "both"} {
		if err := orbaxtest.Write(filepath.Join(dir, d), params, orbaxtest.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestOpen(t *testing.T) {
	dir := tree(t)
	for path, format := range map[string]string{
		"hf": "safetensors", "hf/model.safetensors": "safetensors", "peft": "peft", "orbax": "orbax", "peft/": "peft",
	} {
		d, err := Open(context.Background(), dir+"/"+path, Options{})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		about := d.Describe()
		if about.Format != format {
			t.Errorf("%s is %q, wanted %q", path, about.Format, format)
		}
		// What was found can be opened again by its root: that is what a worker does.
		again, err := Open(context.Background(), about.Root, Options{})
		if err != nil {
			t.Errorf("%s: its root %s: %v", path, about.Root, err)
			continue
		}
		a, err1 := d.Tree(about.Trees[0])
		b, err2 := again.Tree(about.Trees[0])
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		if a.Manifest().Fingerprint != b.Manifest().Fingerprint {
			t.Errorf("%s: its root has another fingerprint", path)
		}
		if err := errors.Join(a.Close(), b.Close(), d.Close(), again.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestOpenSaysWhereACheckpointIs: of a directory beside or above a checkpoint,
// the error names the one that is meant.
func TestOpenSaysWhereACheckpointIs(t *testing.T) {
	dir := tree(t)
	rename := func(from, to string) {
		t.Helper()
		to = filepath.Join(dir, to)
		if err := errors.Join(os.MkdirAll(filepath.Dir(to), 0o755), os.Rename(filepath.Join(dir, from), to)); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, from string) {
		t.Helper()
		from = filepath.Join(dir, from)
		if err := errors.Join(os.MkdirAll(filepath.Dir(from), 0o755), os.Symlink(filepath.Join(dir, to), from)); err != nil {
			t.Fatal(err)
		}
	}
	rename("orbax", "lab/exp/7/params")
	rename("text", "lab/exp/7/assets/robot")
	link("lab/exp/7", "links/7")
	link("hf", "two/hf")
	link("peft", "two/peft")
	for _, n := range []string{"a", "b", "c", "d", "e"} {
		link("hf", "five/"+n)
	}
	for path, want := range map[string]string{
		"lab":                    `; "exp" in it is a checkpoint: name that`,
		"links":                  `; "7" in it is a checkpoint: name that`,
		"two":                    `; "hf" and "peft" in it are checkpoints: name one of them`,
		"five":                   `; "a", "b", "c" and 2 more in it are checkpoints: name one of them`,
		"lab/exp/7/assets":       `; it is a part of the checkpoint "` + dir + `/lab/exp/7": name that`,
		"lab/exp/7/assets/robot": `; it is a part of the checkpoint "` + dir + `/lab/exp/7": name that`,
	} {
		if _, err := Open(context.Background(), filepath.Join(dir, path), Options{}); !errors.Is(err, store.ErrFormat) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%s: %v, wanted %q", path, err, want)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	dir := tree(t)
	step := 3
	for _, c := range []struct {
		path string
		step *int
		kind error
		want string
	}{
		{"gs://bucket/x", nil, store.ErrUnsupported, "paths that begin with gs:// cannot be read yet"},
		{"s3://bucket/x", nil, store.ErrUnsupported, "s3://"},
		{"https://example.org/x", nil, store.ErrUnsupported, "https://"},
		{"HTTP://example.org/x", nil, store.ErrUnsupported, "HTTP://"},
		{"hf://google/gemma", nil, store.ErrUnsupported, "hf://"},
		{"peff", nil, store.ErrNotFound, `did you mean "` + dir + `/peft"?`},
		{"no/such/place", nil, store.ErrNotFound, `"` + dir + `" is the nearest directory that exists`},
		{"file.npz/x", nil, store.ErrNotFound, `"` + dir + `" is the nearest directory that exists`},
		{"~/ckpt", nil, store.ErrNotFound, "; ~ is taken as a directory's name, as no shell is asked: write the whole path"},
		{"$HOME/ckpt", nil, store.ErrNotFound, "; $HOME is taken as a directory's name"},
		{"empty", nil, store.ErrFormat, "the directory is empty"},
		{"text", nil, store.ErrFormat, `it holds "README.md", "a", "b", "c", "d" and 1 more, and neither`},
		{"file.npz", nil, store.ErrFormat, "it is a file; wanted the checkpoint's directory"},
		{"peft/adapter_config.json", nil, store.ErrFormat, `name its directory, "` + dir + `/peft"`},
		{"orbax/_METADATA", nil, store.ErrFormat, "name its directory"},
		{"file.ckpt", nil, store.ErrUnsupported, "a pickle can run code"},
		{"FILE.PTH", nil, store.ErrUnsupported, "a pickle can run code"},
		{"old", nil, store.ErrUnsupported, `it holds "pytorch_model.bin", a pickle`},
		{"both", nil, store.ErrFormat, "an Orbax checkpoint and safetensors files"},
		{"index", nil, store.ErrUnfinished, "model-00001-of-00002.safetensors"},
		{"hf", &step, store.ErrFormat, "have no steps"},
		{"hf/model.safetensors", &step, store.ErrFormat, "have no steps"},
	} {
		path := c.path
		if !strings.Contains(path, "://") {
			path = filepath.Join(dir, path)
		}
		d, err := Open(context.Background(), path, Options{Step: c.step})
		if err == nil {
			t.Errorf("%s was opened", c.path)
			d.Close()
			continue
		}
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwanted %q, kind %v", c.path, err, c.want, c.kind)
		}
	}
}
