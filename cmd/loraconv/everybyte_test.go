package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/loraconv/loraconv/cmd/internal/compare"
	"github.com/loraconv/loraconv/core/receipt"
)

// publishedExample runs the openpi example, and returns its output.
func publishedExample(t *testing.T) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	if code, _, stderr := loraconv(t, "run", "../../examples/openpi-pi05-lora/robot.hcl", "-var", "out="+out); code != 0 {
		t.Fatalf("exit %d, %s", code, stderr)
	}
	return out
}

// placed is a tensor's place in a safetensors file, read from its header.
type placed struct {
	DType string
	Shape []int64
	At    [2]int64 `json:"data_offsets"`
}

func places(t *testing.T, file []byte) (map[string]placed, []byte) {
	t.Helper()
	n := binary.LittleEndian.Uint64(file)
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+n], &raw); err != nil {
		t.Fatal(err)
	}
	delete(raw, "__metadata__")
	out := map[string]placed{}
	for name, r := range raw {
		var p placed
		if err := json.Unmarshal(r, &p); err != nil {
			t.Fatal(err)
		}
		out[name] = p
	}
	return out, file[8+n:]
}

// diff finds every single bit of every tensor of a real output: with one bit of
// each element changed, each element differs, for each bit of an element; and
// with one bit alone changed, that element does.
func TestDiffFindsEachBit(t *testing.T) {
	a := filepath.Join(publishedExample(t), "model.safetensors")
	file, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	tensors, data := places(t, file)
	if len(tensors) != 92 {
		t.Fatalf("%d tensors", len(tensors))
	}
	size := map[string]int64{"F32": 4, "BF16": 2}
	b := filepath.Join(t.TempDir(), "b.safetensors")
	differ := func() map[string]compare.Tensor {
		t.Helper()
		if err := os.WriteFile(b, file, 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := compare.Compare(context.Background(), a, b, compare.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]compare.Tensor{}
		for _, x := range r.Tensors {
			out[x.Name] = x
		}
		if r.Equal != (len(out) == 0) {
			t.Fatalf("equal is %v with %d differences", r.Equal, len(out))
		}
		return out
	}
	if got := differ(); len(got) != 0 {
		t.Fatalf("a copy differs: %v", got)
	}
	for bit := range int64(32) {
		flip := func() {
			for _, p := range tensors {
				for i := p.At[0]; bit < 8*size[p.DType] && i < p.At[1]; i += size[p.DType] {
					data[i+bit/8] ^= 1 << (bit % 8)
				}
			}
		}
		flip()
		got := differ()
		for name, p := range tensors {
			want := (p.At[1] - p.At[0]) / size[p.DType]
			if bit >= 8*size[p.DType] {
				want = 0
			}
			if got[name].Differing != want {
				t.Errorf("bit %d of each element of %s: %d differ, wanted %d", bit, name, got[name].Differing, want)
			}
		}
		flip()
	}
	random := rand.New(rand.NewPCG(1, 2))
	names := make([]string, 0, len(tensors))
	for name := range tensors {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for range 4 {
			p := tensors[name]
			bit := random.Int64N(8 * (p.At[1] - p.At[0]))
			data[p.At[0]+bit/8] ^= 1 << (bit % 8)
			got := differ()
			element := bit / 8 / size[p.DType]
			if x := got[name]; len(got) != 1 || x.Differing != 1 || flat(x.First, p.Shape) != element {
				t.Errorf("bit %d of %s: %+v", bit, name, got)
			}
			data[p.At[0]+bit/8] ^= 1 << (bit % 8)
		}
	}
}

func flat(at []int, shape []int64) int64 {
	var n int64
	for i, x := range at {
		n = n*shape[i] + int64(x)
	}
	return n
}

// verify finds each flipped byte of each file of a real output, and each file
// that was added, removed or renamed. Of each file about 64 bytes are flipped,
// spread over all of it, with LORACONV_EVERY_BYTE=1 each; core/receipt flips
// each byte of a smaller output.
func TestVerifyFindsEachByteAndFile(t *testing.T) {
	dir := publishedExample(t)
	var files []string
	if err := filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, p)
		}
		return err
	}); err != nil || len(files) != 5 {
		t.Fatalf("%v, %v", files, err)
	}
	verify := func(what string, ok bool) {
		t.Helper()
		r, err := receipt.Verify(context.Background(), dir)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if r.OK != ok {
			t.Errorf("%s: ok is %v", what, r.OK)
		}
	}
	for _, p := range files {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		step := 1
		if os.Getenv("LORACONV_EVERY_BYTE") == "" {
			step = 1 + len(b)/64
		}
		f, err := os.OpenFile(p, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(b); i += step {
			was := b[i]
			if _, err := f.WriteAt([]byte{was ^ 1<<(i%8)}, int64(i)); err != nil {
				t.Fatal(err)
			}
			verify(p, false)
			if _, err := f.WriteAt([]byte{was}, int64(i)); err != nil {
				t.Fatal(err)
			}
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		verify("mended", true)
		if filepath.Base(p) == receipt.ManifestName {
			continue // without it there is nothing to compare with
		}
		aside := filepath.Join(t.TempDir(), "aside")
		for what, steps := range map[string][2]string{"removed": {p, aside}, "renamed": {p, p + "x"}, "moved": {p, filepath.Join(dir, "assets", "moved")}} {
			if err := os.Rename(steps[0], steps[1]); err != nil {
				t.Fatal(err)
			}
			verify(what+" "+p, false)
			if err := os.Rename(steps[1], steps[0]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, name := range []string{"more", "assets/more", "model-00002-of-00002.safetensors", ".hidden"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		verify("added "+name, false)
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	verify("at the end", true)
}
