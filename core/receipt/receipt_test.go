package receipt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/store/safetensors"
	"github.com/loraconv/loraconv/core/tensor"
)

func digest(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// output writes a small output directory with a right manifest.
func output(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	l, err := safetensors.Plan([]safetensors.Spec{
		{Name: "a", DType: tensor.Float32, Shape: tensor.Shape{2}},
		{Name: "b", DType: tensor.BFloat16, Shape: tensor.Shape{3}},
		{Name: "none", DType: tensor.Float32, Shape: tensor.Shape{0}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	data := bytes.Repeat([]byte{7}, int(l.Size)-len(l.Header))
	weights := append(append([]byte{}, l.Header...), data...)
	m := &Manifest{Conversion: "c", PlanDigest: "p"}
	for _, f := range []struct {
		name string
		data []byte
	}{{"model.safetensors", weights}, {"assets/norm_stats.json", []byte("{}")}, {"config.json", nil}} {
		p := filepath.Join(dir, f.name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, f.data, 0o644); err != nil {
			t.Fatal(err)
		}
		m.Files = append(m.Files, File{f.name, int64(len(f.data)), digest(f.data)})
	}
	for _, p := range l.Places {
		m.Tensors = append(m.Tensors, Tensor{Name: p.Name, DType: p.DType, Shape: p.Shape, File: "model.safetensors", Offset: p.Offset, Bytes: p.Bytes,
			SHA256: digest(weights[p.Offset : p.Offset+p.Bytes]), Rule: "r", Sources: []string{}})
	}
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	prov, err := (&Statement{Subject: []Subject{{ManifestName, map[string]string{"sha256": digest(b)}}}}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{ManifestName: b, ProvenanceName: prov} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func verify(t *testing.T, dir string) *Report {
	t.Helper()
	r, err := Verify(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerifyAccepts(t *testing.T) {
	if r := verify(t, output(t)); !r.OK || r.Files != 3 || r.Tensors != 3 {
		t.Errorf("%+v", r)
	}
}

// A flipped bit in any byte of any file is found, and the tensor that holds it is
// named.
func TestVerifyFindsEveryFlippedByte(t *testing.T) {
	dir := output(t)
	for _, name := range []string{"model.safetensors", "assets/norm_stats.json", ManifestName, ProvenanceName} {
		p := filepath.Join(dir, name)
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			bit := 8*i + i%8
			b[bit/8] ^= 1 << (bit % 8)
			if err := os.WriteFile(p, b, 0o644); err != nil {
				t.Fatal(err)
			}
			if r := verify(t, dir); r.OK {
				t.Fatalf("%s: bit %d flipped and not found", name, bit)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if r := verify(t, dir); !r.OK {
		t.Errorf("after mending: %+v", r.Findings)
	}
}

func TestVerifyFinds(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(dir string) error
		kind   string
	}{
		{"added", func(d string) error { return os.WriteFile(filepath.Join(d, "x"), nil, 0o644) }, "extra"},
		{"added below", func(d string) error { return os.WriteFile(filepath.Join(d, "assets", "x"), nil, 0o644) }, "extra"},
		{"removed", func(d string) error { return os.Remove(filepath.Join(d, "config.json")) }, "missing"},
		{"renamed", func(d string) error {
			return os.Rename(filepath.Join(d, "config.json"), filepath.Join(d, "konfig.json"))
		}, "missing"},
		{"no provenance", func(d string) error { return os.Remove(filepath.Join(d, ProvenanceName)) }, "missing"},
		{"longer", func(d string) error { return os.WriteFile(filepath.Join(d, "config.json"), []byte("x"), 0o644) }, "size"},
		{"a directory", func(d string) error {
			p := filepath.Join(d, "config.json")
			if err := os.Remove(p); err != nil {
				return err
			}
			return os.Mkdir(p, 0o755)
		}, "unreadable"},
		{"a link out", func(d string) error {
			p := filepath.Join(d, "config.json")
			if err := os.Remove(p); err != nil {
				return err
			}
			return os.Symlink("/dev/null", p)
		}, "unreadable"},
	} {
		dir := output(t)
		if err := c.change(dir); err != nil {
			t.Fatal(err)
		}
		r := verify(t, dir)
		found := false
		for _, f := range r.Findings {
			found = found || f.Kind == c.kind
		}
		if r.OK || !found {
			t.Errorf("%s: %+v, wanted a finding %q", c.name, r.Findings, c.kind)
		}
	}
}

func TestVerifyNamesTheTensor(t *testing.T) {
	dir := output(t)
	p := filepath.Join(dir, "model.safetensors")
	b, _ := os.ReadFile(p)
	b[len(b)-1] ^= 1
	if err := os.WriteFile(p, b, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, f := range verify(t, dir).Findings {
		if f.Kind == "tensor" && f.Tensor == "b" {
			return
		}
	}
	t.Error("tensor b was not named")
}

func TestNoManifest(t *testing.T) {
	if _, err := Verify(context.Background(), t.TempDir()); err == nil || !strings.Contains(err.Error(), ErrNoManifest.Error()) {
		t.Error(err)
	}
}

// However the bytes arrive, the digests are those of the parts.
func TestDigester(t *testing.T) {
	data := []byte("0123456789abcdef")
	ts := []Tensor{{Offset: 2, Bytes: 5}, {Offset: 7, Bytes: 0}, {Offset: 7, Bytes: 9}, {Offset: 16, Bytes: 0}}
	for step := 1; step <= len(data); step++ {
		d := NewDigester(ts)
		for i := 0; i < len(data); i += step {
			d.Write(data[i:min(i+step, len(data))])
		}
		whole, parts := d.Sums()
		if whole != digest(data) {
			t.Errorf("step %d: whole differs", step)
		}
		for i, x := range ts {
			if want := digest(data[x.Offset : x.Offset+x.Bytes]); parts[i] != want {
				t.Errorf("step %d: part %d differs", step, i)
			}
		}
	}
}
