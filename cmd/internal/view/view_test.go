package view

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/cmd/internal/compare"
	"github.com/loraconv/loraconv/cmd/internal/inspect"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

func TestWords(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{Bytes(0), "0 B"}, {Bytes(1023), "1023 B"}, {Bytes(1024), "1.0 KiB"}, {Bytes(1536), "1.5 KiB"},
		{Bytes(1<<20 - 1), "1.0 MiB"}, {Bytes(3 << 30), "3.0 GiB"}, {Bytes(-2048), "-2.0 KiB"}, {Bytes(math.MaxInt64), "8.0 EiB"},
		{Number(0), "0"}, {Number(999), "999"}, {Number(1000), "1,000"}, {Number(-3238048528), "-3,238,048,528"},
		{Count(1, "file"), "1 file"}, {Count(0, "file"), "0 files"}, {Count(2000, "file"), "2,000 files"},
		{Duration(350 * time.Millisecond), "350ms"}, {Duration(4210 * time.Millisecond), "4.2s"}, {Duration(59960 * time.Millisecond), "1m00s"},
		{Duration(187 * time.Second), "3m07s"}, {Duration(125*time.Minute + 29*time.Second), "2h05m"},
		{Printable("layers/0/größe 世界"), "layers/0/größe 世界"},
		{Printable("a\x1b[2Jb\n\u202ec\xffd\U000e0001"), `a\u001b[2Jb\u000a\u202ec\xffd\U000e0001`},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, wanted %q", tt.got, tt.want)
		}
	}
}

func TestTableAndWrap(t *testing.T) {
	table := Table{Indent: 1}
	table.Row("a", "größe", "x")
	table.Row("bcd", "y")
	if want := " a    größe  x\n bcd  y\n"; table.String() != want {
		t.Errorf("%q, wanted %q", table.String(), want)
	}
	text := wrap("  - ", strings.Repeat("word ", 30)+strings.Repeat("x", 100))
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if n := utf8.RuneCountInString(line); n > columns && !strings.Contains(line, "xxx") || i > 0 && !strings.HasPrefix(line, "    ") {
			t.Errorf("line of %d: %q", n, line)
		}
	}
	if n := strings.Count(text, "word"); n != 30 {
		t.Errorf("%d words", n)
	}
}

// TestLive shows progress at its pace, and takes a line off a terminal again.
func TestLive(t *testing.T) {
	var b bytes.Buffer
	now := time.Unix(0, 0)
	l := NewLive(&b)
	l.now, l.last = func() time.Time { return now }, now
	show := func(after time.Duration, s string) {
		now = now.Add(after)
		l.Show(func() string { return s })
	}
	show(4*time.Second, "early")
	show(time.Second, "one")
	show(time.Second, "soon")
	show(4*time.Second, "two")
	l.Clear()
	if want := "one\ntwo\n"; b.String() != want {
		t.Errorf("plain: %q, wanted %q", b.String(), want)
	}
	b.Reset()
	l.terminal, l.width, l.every = true, 6, liveEvery
	show(time.Second, "größer als breit")
	show(time.Millisecond, "soon")
	l.Clear()
	l.Clear()
	if want := "\r\x1b[Kgröße\r\x1b[K"; b.String() != want {
		t.Errorf("terminal: %q, wanted %q", b.String(), want)
	}
	if Color(&b) {
		t.Error("colour off a terminal")
	}
}

// TestGrouping joins names that differ in numbers alone.
func TestGrouping(t *testing.T) {
	var l grouping
	for _, r := range [][]string{{"l.0.w", "f32"}, {"l.1.w", "f32"}, {"l.2.w", "f16"}, {"l.10.w", "f32"}, {"l.007.w", "f32"}, {"a1.b2", "x"}, {"a1.b3", "x"}, {"99999999999999999999", "x"}} {
		l.add(r[0], r[1:]...)
	}
	var got []string
	for _, g := range l.groups {
		got = append(got, g.name()+g.times()+" "+g.cells[0])
	}
	want := []string{"l.{0..10}.w (3 times) f32", "l.2.w f16", "l.007.w f32", "a1.b{2..3} (2 times) x", "99999999999999999999 x"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func report() *inspect.Report {
	rank := 16
	leaf := func(name string, d tensor.DType, s ...int) inspect.Tensor {
		return inspect.Tensor{Name: name, DType: d, Shape: s, Bytes: int64(tensor.Shape(s).Elements() * d.Size())}
	}
	return &inspect.Report{
		Format: "orbax", Layout: []string{"step 29999, the latest of 2 finished steps", "ocdbt", "zarr2"}, Step: "29999",
		Metadata: []byte(`{"custom":{},"init":1}`), Files: []manifest.File{{Path: "assets/robot/norm_stats.json", Bytes: 9}},
		Guess: &inspect.Guess{Plugin: "openpi", Model: "pi0", From: "28 parameters of an action expert, none of a time MLP; language model gemma_2b"},
		Pairs: []inspect.Pair{
			{Tree: "29999/params", Base: "q/w/value", InTree: true, Rank: &rank, ShapeA: tensor.Shape{18, 8, 2048, 16}, ShapeB: tensor.Shape{18, 8, 16, 256}},
			{Tree: "29999/params", Base: "layers_0/k", Rank: &rank, ShapeA: tensor.Shape{4, 16}, ShapeB: tensor.Shape{16, 4}},
			{Tree: "29999/params", Base: "layers_1/k", Rank: &rank, ShapeA: tensor.Shape{4, 16}, ShapeB: tensor.Shape{16, 4}},
			{Tree: "29999/params", Base: "odd", ShapeA: tensor.Shape{4, 3}, ShapeB: tensor.Shape{5, 4}},
			{Tree: "1000/params", Base: "not shown"},
		},
		Warnings: []string{"a warning that is so long that it does not fit in one line of eighty columns, and has an \x1b escape"},
		Trees: map[string]*inspect.Tree{
			"29999/params": {
				Tensors: []inspect.Tensor{
					leaf("layers_0/mlp/bias", tensor.Float32, 7), leaf("layers_0/mlp/kernel", tensor.BFloat16, 7, 9),
					leaf("layers_1/mlp/bias", tensor.Float32, 7), leaf("layers_1/mlp/kernel", tensor.BFloat16, 7, 9), leaf("step", tensor.Int32),
				},
				Strings: []inspect.String{{Name: "text", Value: "hello \"you\"" + strings.Repeat("!", 80)}},
			},
			"29999/state": {Tensors: []inspect.Tensor{{Name: "opt/0/value", DType: tensor.Float32, Shape: tensor.Shape{2}, Bytes: 8, SHA256: strings.Repeat("ab", 32)}}},
			"1000/params": {},
		},
	}
}

func TestInspect(t *testing.T) {
	var b bytes.Buffer
	if err := Inspect(&b, "checkpoints/robot", report()); err != nil {
		t.Fatal(err)
	}
	golden(t, "inspect.txt", b.String())
	for _, line := range strings.Split(b.String(), "\n") {
		if utf8.RuneCountInString(line) > columns && !strings.Contains(line, "more characters") {
			t.Errorf("more than %d columns: %q", columns, line)
		}
	}
}

func TestDiff(t *testing.T) {
	n := func(f float64) *compare.Number { x := compare.Number(f); return &x }
	hello := "hello"
	r := &compare.Report{
		Compared: 1200, OnlyInA: []string{"a\x1b"}, OnlyInB: []string{"b"}, Strings: []compare.String{{Name: "t", A: &hello}},
		Tensors: []compare.Tensor{
			{Name: "one.bit", Reason: "values", DTypeA: tensor.Float32, DTypeB: tensor.Float32, ShapeA: tensor.Shape{2048, 16}, ShapeB: tensor.Shape{2048, 16}, Elements: 32768, Differing: 1, MaxAbs: 1.5e-7, First: []int{0, 5}, FirstA: n(0.25), FirstB: n(0.25000015)},
			{Name: "sign.of.zero", Reason: "values", DTypeA: tensor.Float32, DTypeB: tensor.Float32, ShapeA: tensor.Shape{1}, ShapeB: tensor.Shape{1}, Elements: 1, Differing: 1, First: []int{0}, FirstA: n(0), FirstB: n(math.Copysign(0, -1))},
			{Name: "not.a.number", Reason: "values", DTypeA: tensor.Float32, DTypeB: tensor.Float32, ShapeA: tensor.Shape{}, ShapeB: tensor.Shape{}, Elements: 1, Differing: 1, NaN: 1, First: []int{}, FirstA: n(math.NaN()), FirstB: n(1)},
			{Name: "type.alone", Reason: "dtype", DTypeA: tensor.Float32, DTypeB: tensor.BFloat16, ShapeA: tensor.Shape{3}, ShapeB: tensor.Shape{3}, Elements: 3},
			{Name: "shape", Reason: "shape", DTypeA: tensor.Float32, DTypeB: tensor.Float32, ShapeA: tensor.Shape{3}, ShapeB: tensor.Shape{3, 1}},
		},
	}
	var b bytes.Buffer
	if err := Diff(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, r := range []*compare.Report{{Equal: true, Compared: 1}, {Equal: true, Compared: 89, Widened: 88}} {
		b.WriteString("--\n")
		if err := Diff(&b, r); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "diff.txt", b.String())
}
