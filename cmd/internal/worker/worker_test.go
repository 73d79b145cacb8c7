package worker

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/receipt"
	"github.com/loraconv/loraconv/core/store/all"
	"github.com/loraconv/loraconv/core/store/orbax/orbaxtest"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// scene is a checkpoint on disk, a plan over it, and a stage with room for the
// plan's tensors behind a header of 16 bytes.
type scene struct {
	t       *testing.T
	source  string
	request *sdk.ExecuteRequest
	events  []sdk.Event
	mu      sync.Mutex
}

const header = "0123456789abcdef"

// A base [2, 3] of 1 to 6, A = [1, 2]ᵀ, B = [1, 0, -1], scale 0.5.
func newScene(t *testing.T, change func(params map[string][]float32)) *scene {
	t.Helper()
	values := map[string][]float32{"w": {1, 2, 3, 4, 5, 6}, "a": {1, 2}, "b": {1, 0, -1}, "n": {7, 8}}
	shapes := map[string]tensor.Shape{"w": {2, 3}, "a": {2, 1}, "b": {1, 3}, "n": {2}}
	if change != nil {
		change(values)
	}
	var params []orbaxtest.Param
	for _, name := range []string{"a", "b", "n", "w"} {
		params = append(params, orbaxtest.Param{Path: []string{name}, DType: tensor.Float32, Shape: shapes[name],
			Data: orbaxtest.FromBytes(floats(values[name]...), tensor.Float32, shapes[name])})
	}
	s := &scene{t: t, source: filepath.Join(t.TempDir(), "params")}
	if err := orbaxtest.Write(s.source, params, orbaxtest.Options{}); err != nil {
		t.Fatal(err)
	}
	src := func(n string) *plan.Source { return &plan.Source{From: "ft", Name: n} }
	merge := &plan.Merge{Base: src("w"), Terms: []plan.Term{{A: src("a"), B: src("b"), Einsum: "i r, r o -> i o", Scale: 0.5}}}
	p := &plan.Plan{Version: plan.Version, Sources: []string{"ft"}, Output: plan.Output{Format: "pytorch", File: "model.safetensors"}, Tensors: []plan.Tensor{
		{Name: "norm", DType: tensor.BFloat16, Shape: tensor.Shape{2}, Rule: "r", Expr: src("n")},
		{Name: "weight", DType: tensor.Float32, Shape: tensor.Shape{3, 2}, Rule: "r", Expr: &plan.Rearrange{X: merge, Pattern: "i o -> o i"}},
	}}
	encoded, err := plan.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	dir, err := all.Open(t.Context(), s.source, all.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	r, err := dir.Tree(".")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	stage := t.TempDir()
	// weight first (larger elements), then norm
	if err := os.WriteFile(filepath.Join(stage, "model.safetensors"), append([]byte(header), make([]byte, 28)...), 0o666); err != nil {
		t.Fatal(err)
	}
	s.request = &sdk.ExecuteRequest{
		Measure: true,
		Plan:    encoded, Sources: []sdk.ExecuteSource{{Name: "ft", Root: s.source, Tree: ".", Fingerprint: r.Manifest().Fingerprint}},
		Stage: stage, Placements: []sdk.Placement{{File: "model.safetensors", Offset: 40}, {File: "model.safetensors", Offset: 16}},
		Digests: []string{"model.safetensors"}, Memory: 128 << 20, Workers: 2,
	}
	return s
}

func floats(v ...float32) []byte {
	var out []byte
	for _, f := range v {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(f))
	}
	return out
}

func (s *scene) run(ctx context.Context) error {
	return Execute(ctx, s.request, func(e sdk.Event) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, e)
		return nil
	})
}

func sum(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }

func TestExecute(t *testing.T) {
	s := newScene(t, nil)
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	// w + 0.5 * a b = [1.5 2 2.5; 5 5 5], transposed; 7 and 8 as bfloat16.
	weight := floats(1.5, 5, 2, 5, 2.5, 5)
	norm := []byte{0xe0, 0x40, 0x00, 0x41}
	want := append(append([]byte(header), weight...), norm...)
	got, err := os.ReadFile(filepath.Join(s.request.Stage, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("output (-want +got): %s", d)
	}
	var phases []string
	var tensors []sdk.TensorDone
	for i, e := range s.events {
		switch {
		case e.Phase != nil:
			phases = append(phases, e.Phase.Name)
		case e.Tensor != nil:
			tensors = append(tensors, *e.Tensor)
		case e.File != nil:
			if d := cmp.Diff(sdk.FileDone{File: "model.safetensors", Bytes: int64(len(want)), SHA256: sum(want)}, *e.File); d != "" {
				t.Errorf("file: %s", d)
			}
		case e.Done != nil:
			if i != len(s.events)-1 || e.Done.Chunks != 4 || e.Done.PeakRSS < 0 {
				t.Errorf("done %+v is event %d of %d", *e.Done, i, len(s.events))
			}
		}
	}
	if d := cmp.Diff([]string{"adapters", "stream", "sync", "digest"}, phases); d != "" {
		t.Errorf("phases: %s", d)
	}
	// |0.5 * [1 0 -1; 2 0 -2]| = sqrt(2.5), |w| = sqrt(91)
	if d := cmp.Diff([]sdk.TensorDone{
		{Index: 1, SHA256: sum(weight), Measured: &sdk.Measured{DeltaNorm: math.Sqrt(2.5), BaseNorm: math.Sqrt(91), Retention: 1}},
		{Index: 0, SHA256: sum(norm), Measured: &sdk.Measured{Retention: 1}},
	}, tensors); d != "" {
		t.Errorf("tensors (-want +got): %s", d)
	}
	entries, _ := os.ReadDir(s.request.Stage)
	if len(entries) != 1 {
		t.Errorf("the stage holds %v", entries)
	}
}

// A model in shards: every file and every tensor is told once, with its own
// digest, however many are read back at a time.
func TestDigestsOfShards(t *testing.T) {
	for _, workers := range []int{1, 2, 7} {
		s := newScene(t, nil)
		write := func(name string, data []byte) {
			if err := os.WriteFile(filepath.Join(s.request.Stage, name), data, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		write("model.safetensors", append([]byte(header), make([]byte, 4)...))
		write("2", append([]byte(header), make([]byte, 24)...))
		write("3", []byte(header)) // holds no tensor
		s.request.Placements = []sdk.Placement{{File: "model.safetensors", Offset: 16}, {File: "2", Offset: 16}}
		s.request.Digests = []string{"model.safetensors", "2", "3"}
		s.request.Workers = workers
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		norm, weight := []byte{0xe0, 0x40, 0x00, 0x41}, floats(1.5, 5, 2, 5, 2.5, 5)
		want := map[string]string{
			"0": sum(norm), "1": sum(weight),
			"model.safetensors": sum(append([]byte(header), norm...)), "2": sum(append([]byte(header), weight...)), "3": sum([]byte(header)),
		}
		got := map[string]string{}
		var progress sdk.Progress
		for _, e := range s.events {
			name, digest := "", ""
			switch {
			case e.Progress != nil:
				progress = *e.Progress
				continue
			case e.Tensor != nil:
				name, digest = fmt.Sprint(e.Tensor.Index), e.Tensor.SHA256
			case e.File != nil:
				name, digest = e.File.File, e.File.SHA256
			default:
				continue
			}
			if _, twice := got[name]; twice {
				t.Errorf("%d workers: %s is told twice", workers, name)
			}
			got[name] = digest
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%d workers (-want +got): %s", workers, d)
		}
		if all := int64(3*len(header) + 28); progress != (sdk.Progress{Read: all, ReadAll: all}) {
			t.Errorf("%d workers: the last progress is %+v, wanted %d bytes read back of %d", workers, progress, all, all)
		}
	}
}

func TestRefusals(t *testing.T) {
	inf := float32(math.Inf(1))
	for _, tt := range []struct {
		name   string
		params func(map[string][]float32)
		edit   func(*sdk.ExecuteRequest)
		class  diag.Class
		say    []string
	}{
		{name: "fingerprint", edit: func(r *sdk.ExecuteRequest) { r.Sources[0].Fingerprint = "x" }, class: diag.Changed, say: []string{`"ft"`}},
		{name: "no source", edit: func(r *sdk.ExecuteRequest) { r.Sources[0].Root += "x" }, class: diag.Source, say: []string{`"ft"`}},
		{name: "no file", edit: func(r *sdk.ExecuteRequest) { r.Placements[0].File = "other" }, class: diag.Output, say: []string{"other"}},
		{name: "outside", edit: func(r *sdk.ExecuteRequest) { r.Placements[0].File = "../other" }, class: diag.Output, say: []string{"other"}},
		{name: "beyond the file", edit: func(r *sdk.ExecuteRequest) { r.Placements[1].Offset = 21 }, class: diag.Plugin, say: []string{"weight", "24 bytes at 21"}},
		{name: "negative", edit: func(r *sdk.ExecuteRequest) { r.Placements[1].Offset = -1 }, class: diag.Plugin, say: []string{"weight"}},
		{name: "plan", edit: func(r *sdk.ExecuteRequest) { r.Plan = r.Plan[1:] }, class: diag.Plugin},
		{name: "ledger", edit: func(r *sdk.ExecuteRequest) {
			lines := strings.SplitAfter(string(r.Plan), "\n")
			for i, l := range lines {
				if strings.Contains(l, `"norm"`) {
					lines[i] = ""
				}
			}
			r.Plan, r.Placements = []byte(strings.Join(lines, "")), r.Placements[1:]
		}, class: diag.Keys, say: []string{"n in source"}},
		{name: "base not finite", params: func(p map[string][]float32) { p["n"][1] = inf }, class: diag.Source, say: []string{`n in source "ft"`, "norm", "[1]"}},
		{name: "adapter not finite", params: func(p map[string][]float32) { p["a"][0] = inf }, class: diag.Source, say: []string{`a in source "ft"`, "weight"}},
		{name: "overflow", params: func(p map[string][]float32) { p["n"][0] = math.MaxFloat32 }, class: diag.Measured, say: []string{"norm", "bfloat16"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene(t, tt.params)
			if tt.edit != nil {
				tt.edit(s.request)
			}
			err := s.run(t.Context())
			var d *diag.Diagnostic
			if !errors.As(err, &d) {
				t.Fatalf("error %v, wanted a diagnostic", err)
			}
			if d.Class != tt.class {
				t.Errorf("class %v, wanted %v: %v", d.Class, tt.class, err)
			}
			for _, say := range tt.say {
				if !strings.Contains(err.Error(), say) {
					t.Errorf("%q does not say %q", err, say)
				}
			}
			for _, e := range s.events {
				if e.Done != nil {
					t.Error("done, in spite of the error")
				}
			}
		})
	}
}

func TestAllowedByName(t *testing.T) {
	s := newScene(t, func(p map[string][]float32) { p["n"][1] = float32(math.NaN()) })
	s.request.AllowNonFinite = []string{"no*"}
	if err := s.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, e := range s.events {
		if e.Tensor != nil && e.Tensor.Index == 0 && e.Tensor.NonFinite != 1 {
			t.Errorf("%d values counted, wanted 1", e.Tensor.NonFinite)
		}
	}
}

func TestStopsSoon(t *testing.T) {
	s := newScene(t, nil)
	s.request.SlowMillis = 60_000
	cause := errors.New("enough")
	ctx, stop := context.WithCancelCause(t.Context())
	begun := make(chan struct{})
	var once sync.Once
	end := make(chan error, 1)
	go func() {
		end <- Execute(ctx, s.request, func(e sdk.Event) error {
			if e.Phase != nil {
				once.Do(func() { close(begun) })
			}
			return nil
		})
	}()
	<-begun
	stop(cause)
	select {
	case err := <-end:
		if !errors.Is(err, cause) && !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	case <-time.After(time.Second):
		t.Fatal("still running after a second")
	}
}

func TestHostGone(t *testing.T) {
	s := newScene(t, nil)
	s.request.SlowMillis = 60_000
	gone := errors.New("gone")
	err := Execute(t.Context(), s.request, func(sdk.Event) error { return gone })
	if !errors.Is(err, gone) {
		t.Errorf("error %v, wanted that nobody listens", err)
	}
}

func TestDigestOfManyBlocks(t *testing.T) {
	const digestBlock = 4 << 20 // of store.ReadBack
	dir := t.TempDir()
	data := make([]byte, 3*digestBlock+77)
	for i := range data {
		data[i] = byte(i*i>>7 ^ i)
	}
	clear(data[digestBlock : 2*digestBlock+5])
	if err := os.WriteFile(filepath.Join(dir, "f"), data, 0o666); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(filepath.Join(dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	file := &stageFile{name: "f", f: f, size: int64(len(data))}
	cuts := []int64{8, 100, 100, digestBlock, 2*digestBlock + 5, int64(len(data)), int64(len(data))}
	st := &stage{}
	var order []int
	var want, got []string
	for i := range cuts[1:] {
		st.targets = append(st.targets, place{file, cuts[i], cuts[i+1] - cuts[i]})
		order = append(order, i)
		want = append(want, fmt.Sprint(i, sum(data[cuts[i]:cuts[i+1]])))
	}
	zero := map[int]bool{}
	var read atomic.Int64
	s, err := st.digest(t.Context(), file, order, &read, func(i int, d receipt.Digest) {
		got, zero[i] = append(got, fmt.Sprint(i, d.SHA256)), d.Zero
	})
	if err != nil || s != sum(data) {
		t.Errorf("digest %s, %v, wanted %s", s, err, sum(data))
	}
	if read.Load() != file.size {
		t.Errorf("%d bytes counted of %d", read.Load(), file.size)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(map[int]bool{0: false, 1: true, 2: false, 3: true, 4: false, 5: true}, zero); d != "" {
		t.Errorf("all zero: %s", d)
	}
}

// Who adds nothing is told, by source.
func TestIdleAdapters(t *testing.T) {
	for _, c := range []struct {
		name string
		b    []float32
		idle int
	}{
		{"trained", []float32{0, 0, 1e-45}, 0},
		{"never trained", []float32{0, float32(math.Copysign(0, -1)), 0}, 1},
	} {
		s := newScene(t, func(p map[string][]float32) { p["b"] = c.b })
		if err := s.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		done := s.events[len(s.events)-1].Done
		if d := cmp.Diff([]sdk.AdapterDone{{Source: "ft", Terms: 1, Idle: c.idle}}, done.Adapters); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}

func TestTensorsApart(t *testing.T) {
	f := &stageFile{name: "f", size: 100}
	s := &stage{targets: []place{{f, 0, 10}, {f, 10, 5}, {f, 10, 0}}} // an empty one is told of first, wherever it stands
	if err := s.apart(s.order(f)); err != nil {
		t.Error(err)
	}
	s.targets = append(s.targets, place{f, 14, 1})
	if err := s.apart(s.order(f)); err == nil {
		t.Error("two tensors in one place were accepted")
	}
	if err := s.apart(nil); err != nil {
		t.Error(err)
	}
}

// The engine's promise is checked where its breach would damage another tensor.
func TestWritesStayInTheirTensor(t *testing.T) {
	s := &stage{targets: []place{{&stageFile{name: "f", size: 100}, 10, 5}}}
	for _, tt := range []struct {
		off int64
		n   int
	}{{-1, 1}, {5, 1}, {0, 6}, {1 << 62, 1}, {6, 0}} {
		func() {
			defer func() {
				if recover() != "worker: a write outside of its tensor" {
					t.Errorf("%d bytes at %d of 5 were written, or tried to be", tt.n, tt.off)
				}
			}()
			_ = s.WriteAt(0, tt.off, make([]byte, tt.n))
		}()
	}
}
