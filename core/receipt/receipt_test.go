package receipt

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	rewrite(t, dir, m)
	return dir
}

// rewrite puts a manifest in place, with a provenance that fits.
func rewrite(t *testing.T, dir string, m *Manifest) {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	st := &Statement{Subject: []Subject{{ManifestName, map[string]string{"sha256": digest(b)}}}}
	for _, f := range m.Files {
		st.Subject = append(st.Subject, Subject{f.Name, map[string]string{"sha256": f.SHA256}})
	}
	st.Predicate.BuildDefinition.InternalParameters = map[string]any{"memory": 1 << 40, "goarch": "<&>"}
	p, err := st.Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{ManifestName: b, ProvenanceName: p} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
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

// A flipped bit in any byte of any file is found.
func TestVerifyFindsEveryFlippedByte(t *testing.T) {
	dir := output(t)
	for name, step := range map[string]int{"model.safetensors": 1, "assets/norm_stats.json": 1, ManifestName: 11, ProvenanceName: 11} {
		p := filepath.Join(dir, name)
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(b); i += step {
			b[i] ^= 1 << (i % 8)
			if err := os.WriteFile(p, b, 0o644); err != nil {
				t.Fatal(err)
			}
			r := verify(t, dir)
			if r.OK || !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.File == name }) {
				t.Fatalf("%s: byte %d flipped: %+v", name, i, r.Findings)
			}
			b[i] ^= 1 << (i % 8)
		}
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if r := verify(t, dir); !r.OK {
		t.Errorf("after mending: %+v", r.Findings)
	}
}

// Nothing covers the provenance but itself: each of its bits, by itself.
func TestStatementCoversItself(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(output(t), ProvenanceName))
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(b) {
		b[bit/8] ^= 1 << (bit % 8)
		if _, err := DecodeStatement(b); err == nil {
			t.Fatalf("bit %d flipped and not found", bit)
		}
		b[bit/8] ^= 1 << (bit % 8)
	}
	for n := range len(b) {
		if _, err := DecodeStatement(b[:n]); err == nil {
			t.Fatalf("cut off after %d bytes and not found", n)
		}
	}
	if _, err := DecodeStatement(append(b[:len(b):len(b)], ' ')); err == nil {
		t.Error("a space behind it was not found")
	}
	if _, err := DecodeStatement(b); err != nil {
		t.Error(err)
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
		{"a directory more", func(d string) error { return os.Mkdir(filepath.Join(d, "empty"), 0o755) }, "extra"},
		{"a link more", func(d string) error { return os.Symlink("config.json", filepath.Join(d, "x")) }, "extra"},
		{"a link to a copy", func(d string) error {
			p := filepath.Join(d, "config.json")
			return errors.Join(os.Rename(p, filepath.Join(d, "copy")), os.Symlink("copy", p))
		}, "unreadable"},
		{"another run's provenance", func(d string) error {
			st := &Statement{Subject: []Subject{{ManifestName, map[string]string{"sha256": digest(nil)}}}}
			b, err := st.Encode()
			return errors.Join(err, os.WriteFile(filepath.Join(d, ProvenanceName), b, 0o644))
		}, "provenance"},
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
		finds(t, c.name, dir, c.kind)
	}
}

// finds verifies an output in which one thing was changed.
func finds(t *testing.T, change, dir, kind string) {
	t.Helper()
	r := verify(t, dir)
	if r.OK || !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Kind == kind }) {
		t.Errorf("%s: %+v, wanted a finding %q", change, r.Findings, kind)
	}
}

func TestVerifySaysWhatWasRenamed(t *testing.T) {
	dir := output(t)
	if err := os.Rename(filepath.Join(dir, "assets", "norm_stats.json"), filepath.Join(dir, "stats.json")); err != nil {
		t.Fatal(err)
	}
	want := []Finding{
		{Kind: "missing", File: "assets/norm_stats.json", Detail: "the manifest lists it with 2 bytes"},
		{Kind: "extra", File: "stats.json", Detail: `the manifest does not know it; it has the content of "assets/norm_stats.json", which is missing`},
	}
	if d := cmp.Diff(want, verify(t, dir).Findings); d != "" {
		t.Error(d)
	}
}

// A header that does not agree with the manifest, though the digests do.
func TestVerifyComparesHeaders(t *testing.T) {
	for name, change := range map[string]func(m *Manifest){
		"shape":  func(m *Manifest) { m.Tensors[0].Shape = tensor.Shape{1, 2} },
		"dtype":  func(m *Manifest) { m.Tensors[0].DType = tensor.Int32 },
		"name":   func(m *Manifest) { m.Tensors[0].Name = "c" },
		"fewer":  func(m *Manifest) { m.Tensors = m.Tensors[1:] },
		"none":   func(m *Manifest) { m.Tensors = nil },
		"places": func(m *Manifest) { m.Tensors[2].Offset = 0 },
	} {
		dir := output(t)
		m, err := ReadManifest(dir)
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		rewrite(t, dir, m)
		found := false
		for _, f := range verify(t, dir).Findings {
			if f.Kind != "tensor" {
				t.Errorf("%s: %+v", name, f)
			}
			found = true
		}
		if !found {
			t.Errorf("%s: not found", name)
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
	data := []byte("0123456789\x00\x00\x00\x00\x00f")
	stretches := []Stretch{{2, 5}, {7, 0}, {7, 3}, {10, 5}, {16, 0}}
	var want []Digest
	for _, s := range stretches {
		part := data[s.Offset : s.Offset+s.Bytes]
		want = append(want, Digest{digest(part), !bytes.ContainsFunc(part, func(r rune) bool { return r != 0 })})
	}
	for step := 1; step <= len(data); step++ {
		var got []Digest
		d := NewDigester(stretches, func(i int, x Digest) {
			if i != len(got) {
				t.Errorf("step %d: stretch %d after %d others", step, i, len(got))
			}
			got = append(got, x)
		})
		for i := 0; i < len(data); i += step {
			d.Add(data[i:min(i+step, len(data))])
		}
		if d.Sum() != digest(data) {
			t.Errorf("step %d: whole differs", step)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("step %d: %s", step, diff)
		}
	}
}

func TestDigesterOfNothing(t *testing.T) {
	ended := 0
	if d := NewDigester([]Stretch{{}, {}}, func(int, Digest) { ended++ }); d.Sum() != digest(nil) || ended != 2 {
		t.Errorf("%s, %d stretches ended", d.Sum(), ended)
	}
}

func TestAllZero(t *testing.T) {
	b := make([]byte, 3*len(zeroPage)+5)
	for _, n := range []int{0, 1, len(zeroPage), len(zeroPage) + 1, len(b)} {
		if !allZero(b[:n]) {
			t.Errorf("%d zeros are not", n)
		}
	}
	for _, at := range []int{0, len(zeroPage) - 1, len(zeroPage), 3*len(zeroPage) - 1, len(b) - 1} {
		if b[at] = 1; allZero(b) {
			t.Errorf("a byte at %d is zero", at)
		}
		b[at] = 0
	}
}
