package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/orbaxtest"
	"github.com/loraconv/loraconv/core/tensor"
)

// named makes a manifest of float32 parameters; a shape is written behind a
// name as 2x3.
func named(format string, params ...string) *manifest.Manifest {
	m := &manifest.Manifest{Format: format}
	for _, p := range params {
		name, dims, _ := strings.Cut(p, " ")
		shape := tensor.Shape{}
		for _, d := range strings.FieldsFunc(dims, func(r rune) bool { return r == 'x' }) {
			var n int
			fmt.Sscan(d, &n)
			shape = append(shape, n)
		}
		path := []string{name}
		if format == "orbax" {
			path = strings.Split(name, "/")
		}
		m.Tensors = append(m.Tensors, manifest.Tensor{Name: manifest.ParamName(path), Path: path, DType: tensor.Float32, Shape: shape})
	}
	m.Sort()
	return m
}

// TestFindPairs pairs factors by each framework's spelling.
func TestFindPairs(t *testing.T) {
	tests := []struct {
		name     string
		m        *manifest.Manifest
		want     []string // a, b, base, rank
		warnings []string // parts of them
	}{
		{"openpi einsum", named("orbax", "llm/q/w/value 18x8x2048x256", "llm/q/lora_a/value 18x8x2048x16", "llm/q/lora_b/value 18x8x16x256"),
			[]string{"llm/q/lora_a/value llm/q/lora_b/value llm/q/w/value true 16"}, nil},
		{"openpi feed-forward", named("orbax", "mlp/gating_einsum 2x8x16", "mlp/gating_einsum_lora_a 2x8x4", "mlp/gating_einsum_lora_b 2x4x16", "mlp/linear 16x8", "mlp/linear_lora_a 16x4", "mlp/linear_lora_b 4x8"),
			[]string{"mlp/gating_einsum_lora_a mlp/gating_einsum_lora_b mlp/gating_einsum true 4", "mlp/linear_lora_a mlp/linear_lora_b mlp/linear true 4"}, nil},
		{"stacked on axis 1", named("orbax", "q/kernel 64x2x4x8", "q/kernel_lora_a 64x2x16", "q/kernel_lora_b 16x2x4x8"),
			[]string{"q/kernel_lora_a q/kernel_lora_b q/kernel true 16"}, nil},
		{"adapter alone", named("orbax", "q/kernel_lora_a 64x16", "q/kernel_lora_b 16x32"),
			[]string{"q/kernel_lora_a q/kernel_lora_b q/kernel false 16"}, nil},
		{"peft", named("peft", "base_model.model.l.0.q_proj.lora_A.weight 8x64", "base_model.model.l.0.q_proj.lora_B.weight 32x8"),
			[]string{"base_model.model.l.0.q_proj.lora_A.weight base_model.model.l.0.q_proj.lora_B.weight base_model.model.l.0.q_proj.weight false 8"}, nil},
		{"peft with a named adapter", named("safetensors", "q.base_layer.weight 32x64", "q.lora_A.default.weight 8x64", "q.lora_B.default.weight 32x8"),
			[]string{"q.lora_A.default.weight q.lora_B.default.weight q.base_layer.weight true 8"}, nil},
		{"two adapters do not mix", named("safetensors", "q.lora_A.x.weight 8x64", "q.lora_B.y.weight 32x8"), nil,
			[]string{`"q.lora_A.x.weight" has no partner lora_B`, `"q.lora_B.y.weight" has no partner lora_A`}},
		{"kohya", named("safetensors", "lora_unet_q.lora_down.weight 4x64", "lora_unet_q.lora_up.weight 32x4"),
			[]string{"lora_unet_q.lora_down.weight lora_unet_q.lora_up.weight lora_unet_q.weight false 4"}, nil},
		{"half", named("orbax", "q/w 2x2", "q/lora_b 1x2"), nil, []string{`"q/lora_b" has no partner lora_a`}},
		{"no rank in common", named("orbax", "q/lora_a 4x3", "q/lora_b 5x4"), []string{"q/lora_a q/lora_b q false <nil>"}, []string{"no rank in common"}},
		{"no rank in common, PyTorch", named("peft", "q.lora_A.weight 3x8", "q.lora_B.weight 8x4"), []string{"q.lora_A.weight q.lora_B.weight q.weight false <nil>"}, []string{"no rank in common"}},
		{"unknown forms", named("peft", "q.lora_magnitude_vector 8"), nil, []string{`1 names mention LoRA and are no factor of a known form: "q.lora_magnitude_vector"`}},
		{"no LoRA", named("orbax", "flora/a 2", "explorab 2"), nil, []string{"2 names mention LoRA"}},
	}
	for _, tt := range tests {
		sep := "/"
		if tt.m.Format != "orbax" {
			sep = "."
		}
		pairs, warnings := findPairs(tt.m, ".", sep)
		var got []string
		for _, p := range pairs {
			rank := "<nil>"
			if p.Rank != nil {
				rank = fmt.Sprint(*p.Rank)
			}
			got = append(got, fmt.Sprint(p.A, " ", p.B, " ", p.Base, " ", p.InTree, " ", rank))
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
		if len(warnings) != len(tt.warnings) {
			t.Errorf("%s: warnings %q", tt.name, warnings)
			continue
		}
		for i, w := range tt.warnings {
			if !strings.Contains(warnings[i], w) {
				t.Errorf("%s: warning %q, wanted %q", tt.name, warnings[i], w)
			}
		}
	}
}

// fake is a directory with one tree whose parameters hold the bytes of their
// names, repeated.
type fake struct {
	man    *manifest.Manifest
	about  store.Description
	broken string // a parameter whose stream fails
}

var errBroken = errors.New("broken")

func (f *fake) Describe() store.Description       { return f.about }
func (f *fake) Tree(string) (store.Reader, error) { return f, nil }
func (f *fake) Manifest() *manifest.Manifest      { return f.man }
func (f *fake) Recheck() error                    { return nil }
func (f *fake) Close() error                      { return nil }
func (f *fake) Chunks(n string) ([]store.Chunk, error) {
	return []store.Chunk{{Region: tensor.Whole(f.man.Lookup(n).Shape)}}, nil
}
func (f *fake) Open(_ context.Context, n string, c store.Chunk) (io.ReadCloser, error) {
	if n == f.broken {
		return nil, errBroken
	}
	return io.NopCloser(bytes.NewReader(bytes.Repeat([]byte(n[:1]), 4*c.Region.Shape.Elements()))), nil
}

func readFake(path string, f *fake, o Options) (*Report, error) {
	f.about.Root, f.about.Format, f.about.Trees = path, f.man.Format, []string{"."}
	return read(context.Background(), path, o, func(context.Context, string, *int) (store.Directory, error) { return f, nil })
}

// TestWarnings says what a person should know.
func TestWarnings(t *testing.T) {
	holes := named("orbax", "a 4", "b 4")
	holes.Tensors[1].Missing, holes.Tensors[1].Chunks = 2, 4
	own := named("orbax", "a 4")
	own.Warnings = []string{"strange"}
	tests := []struct {
		name string
		path string
		m    *manifest.Manifest
		want []string
	}{
		{"nothing", "/x/base/params", named("orbax", "a 4"), nil},
		{"LoRA in the path alone", "/x/my_LoRA_run/7/params", named("orbax", "a 4"), []string{`"my_LoRA_run"`}},
		{"LoRA far above", "/lora/x/7/params", named("orbax", "a 4"), nil},
		{"LoRA in both", "/x/lora", named("orbax", "q/w 2x2", "q/lora_a 2x1", "q/lora_b 1x2"), nil},
		{"half a pair is LoRA", "/x/lora", named("orbax", "q/w 2x2", "q/lora_a 2x1"), []string{"no partner"}},
		{"value here and there", "/x", named("orbax", "a/value 2", "b 2", "c/value 2", "step"), []string{`2 of 3 parameters end in "value"`}},
		{"value but for a scalar", "/x", named("orbax", "a/value 2", "step"), nil},
		{"missing chunks", "/x", holes, []string{`2 chunks were never written and read as their fill value, in 1 parameters: "b"`}},
		{"the reader's own", "/x", own, []string{"strange"}},
		{"one name twice", "/x", named("orbax", "a/value 2", "a 2"), []string{`end in "value"`, `several parameters have the name "a"`}},
	}
	for _, tt := range tests {
		r, err := readFake(tt.path, &fake{man: tt.m}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Warnings) != len(tt.want) {
			t.Errorf("%s: %q, wanted %q", tt.name, r.Warnings, tt.want)
			continue
		}
		for i := range tt.want {
			if !strings.Contains(r.Warnings[i], tt.want[i]) {
				t.Errorf("%s: %q, wanted %q", tt.name, r.Warnings[i], tt.want[i])
			}
		}
	}
}

// TestDigests hashes values, and reports nothing when one cannot be read. The
// digests are those of sha256sum.
func TestDigests(t *testing.T) {
	m := named("orbax", "a 2x2", "b 0x3", "c")
	var last, all int64
	r, err := readFake("/x", &fake{man: m}, Options{Digest: true, Progress: func(d, a int64) { last, all = d, a }})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"a": "0c0beacef8877bbf2416eb00f2b5dc96354e26dd1df5517320459b1236860f8c", // printf aaaaaaaaaaaaaaaa | sha256sum
		"b": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", // printf '' | sha256sum
		"c": "b6fbd675f98e2abd22d4ed29fdc83150fedc48597e92dd1a7a24381d44a27451", // printf cccc | sha256sum
	}
	got := map[string]string{}
	for _, p := range r.Trees["."].Tensors {
		got[p.Name] = p.SHA256
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if last != 20 || all != 20 {
		t.Errorf("progress ended at %d of %d, wanted 20", last, all)
	}
	for _, p := range []string{"a", "c"} {
		if r, err := readFake("/x", &fake{man: m, broken: p}, Options{Digest: true}); !errors.Is(err, errBroken) || r != nil {
			t.Errorf("%q is broken: %v", p, err)
		}
	}
	if r, err = readFake("/x", &fake{man: m, broken: "a"}, Options{}); err != nil || r.Trees["."].Tensors[0].SHA256 != "" {
		t.Errorf("without digests no value is read: %v", err)
	}
}

// TestGuess asks plugins in turn.
func TestGuess(t *testing.T) {
	no := Guesser{Plugin: "no", Guess: func(*manifest.Manifest) (string, string, bool) { return "", "", false }}
	yes := Guesser{Plugin: "yes", Guess: func(m *manifest.Manifest) (string, string, bool) { return "pi0", m.Tensors[0].Name, true }}
	r, err := readFake("/x", &fake{man: named("orbax", "a 4")}, Options{Guessers: []Guesser{no, yes, yes}})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&Guess{Plugin: "yes", Model: "pi0", From: "a", Tree: "."}, r.Guess); d != "" {
		t.Error(d)
	}
}

// TestRun reads all finished steps of a run, or the one that is asked for.
func TestRun(t *testing.T) {
	run := t.TempDir()
	one := func(b byte) []orbaxtest.Param {
		return []orbaxtest.Param{{Path: []string{"w"}, DType: tensor.Uint8, Shape: tensor.Shape{1}, Data: orbaxtest.FromBytes([]byte{b}, tensor.Uint8, tensor.Shape{1})}}
	}
	for i, name := range []string{"step_1", "step_2", "step_10"} {
		if err := orbaxtest.Write(filepath.Join(run, name, "params"), one(byte(i)), orbaxtest.Options{}); err != nil {
			t.Fatal(err)
		}
		meta := orbaxtest.StepMetadata([]string{"params"}, nil)
		if name == "step_1" {
			meta = bytes.Replace(meta, []byte(`"commit_timestamp_nsecs":1700000001000000000`), []byte(`"commit_timestamp_nsecs":null`), 1)
		}
		if err := os.WriteFile(filepath.Join(run, name, "_CHECKPOINT_METADATA"), meta, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	trees := func(r *Report) (out []string) {
		for n, tree := range r.Trees {
			out = append(out, n+" "+tree.Tensors[0].SHA256[:4])
		}
		return out
	}
	less := cmp.Transformer("set", func(s []string) map[string]bool {
		m := map[string]bool{}
		for _, x := range s {
			m[x] = true
		}
		return m
	})
	r, err := Read(context.Background(), run, Options{Digest: true})
	if err != nil {
		t.Fatal(err)
	}
	// printf '\1' | sha256sum, printf '\2' | sha256sum
	if d := cmp.Diff([]string{"step_2/params 4bf5", "step_10/params dbc1"}, trees(r), less); d != "" {
		t.Error(d)
	}
	if r.Step != "step_10" || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "step 1 ") {
		t.Errorf("step %q, warnings %q", r.Step, r.Warnings)
	}
	two := 2
	if r, err = Read(context.Background(), run, Options{Step: &two, Digest: true}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"step_2/params 4bf5"}, trees(r), less); d != "" {
		t.Error(d)
	}
	if err := os.Remove(filepath.Join(run, "step_2", "params", "manifest.ocdbt")); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(context.Background(), run, Options{}); err == nil || !strings.Contains(err.Error(), "step 2, which is not the latest (choose another with -step)") {
		t.Errorf("a damaged earlier step: %v", err)
	}
}

// TestAdapterConfig takes a PEFT adapter's configuration for its metadata.
func TestAdapterConfig(t *testing.T) {
	for _, tt := range []struct{ text, want, warning string }{
		{`{"r":8}`, `{"r":8}`, ""},
		{`{"r":`, "", "not JSON"},
		{strings.Repeat(" ", maxConfig+1), "", "at most"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "adapter_config.json"), []byte(tt.text), 0o644); err != nil {
			t.Fatal(err)
		}
		r, err := readFake(dir, &fake{man: named("peft", "q.lora_A.weight 1x2", "q.lora_B.weight 2x1")}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if string(r.Metadata) != tt.want || !strings.Contains(strings.Join(r.Warnings, "\n"), tt.warning) {
			t.Errorf("%.20q: metadata %q, warnings %q", tt.text, r.Metadata, r.Warnings)
		}
	}
}
