package main

import (
	"bytes"
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// role makes the test's own binary play another program.
const role = "LORACONV_BENCH_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "zstd":
		unpackAll(os.Args[1:])
	case "touch":
		touch()
	default:
		os.Exit(m.Run())
	}
}

// unpackAll is zstd -d -q -c files..., so that the test needs no zstd.
func unpackAll(args []string) {
	for _, name := range args {
		if strings.HasPrefix(name, "-") {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			panic(err)
		}
		d, err := zstd.NewReader(f)
		if err != nil {
			panic(err)
		}
		if _, err := io.Copy(os.Stdout, d); err != nil {
			panic(err)
		}
	}
}

// touched is how much memory the helper makes resident, hashed what its child
// hashes: work for 0.2 s at least.
const (
	touched = 64 << 20
	hashed  = 512 << 20
)

// touch makes memory resident and works for a while, here and in a child.
func touch() {
	b := make([]byte, touched)
	for i := 0; i < len(b); i += 4096 {
		b[i] = 1
	}
	if len(os.Args) > 1 {
		c := exec.Command(os.Args[0])
		if err := c.Run(); err != nil {
			panic(err)
		}
	} else {
		for range 8 * hashed / touched {
			sha256.Sum256(b[:touched/8])
		}
	}
	runtime.KeepAlive(b)
}

// TestBench runs everything on small checkpoints.
func TestBench(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "loraconv")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../loraconv")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(role, "zstd")
	var out bytes.Buffer
	at := filepath.Join(dir, "bench")
	err = run(t.Context(), []string{"-small", "-rounds", "1", "-dir", at, "-loraconv", program, "-zstd", self}, &out)
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"lora zstd -d | cat", "array zstd -d | cat", "stack zstd -d | cat",
		"lora bfloat16 1GiB", "lora float32 1GiB", "lora bfloat16 256MiB", "lora float32 256MiB",
		"array bfloat16 1GiB", "array float32 1GiB", "array bfloat16 256MiB", "array float32 256MiB",
		"stack bfloat16 1GiB", "stack float32 1GiB", "stack bfloat16 256MiB", "stack float32 256MiB",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &out)
		}
	}
	if _, err := os.Stat(filepath.Join(at, "out")); err == nil {
		t.Error("an output is left")
	}
}

// TestMeasure holds the measure against a process and a child of it that do
// what is known.
func TestMeasure(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Log("no /proc: memory is not measured here")
	}
	t.Setenv(role, "touch")
	u, err := measure([]*exec.Cmd{exec.Command(os.Args[0], "and a child")}, func() {})
	if err != nil {
		t.Fatal(err)
	}
	if u.cpu < 100*time.Millisecond || u.wall < 100*time.Millisecond {
		t.Errorf("%v for a child that hashes %d MiB", u, hashed>>20)
	}
	if runtime.GOOS == "linux" && (u.peak < 2*touched || u.peak > 2*touched+100<<20) {
		t.Errorf("%v for two processes of %d MiB each", u, touched>>20)
	}
	if _, err := measure([]*exec.Cmd{exec.Command("/nonexistent/program")}, func() {}); err == nil {
		t.Error("a program that does not exist was measured")
	}
}

func TestSpread(t *testing.T) {
	v := []float64{3, 1, 2, 9}
	if got := over(3, func(i int) float64 { return v[i] }); got != (spread{2, 1, 3}) {
		t.Errorf("%v of 3, 1, 2", got)
	}
	if got := over(4, func(i int) float64 { return v[i] }); got != (spread{2.5, 1, 9}) {
		t.Errorf("%v of 3, 1, 2, 9", got)
	}
}

// TestBounds breaks each bound once.
func TestBounds(t *testing.T) {
	for _, c := range []struct {
		name  string
		dtype string
		run   usage
		small bool
		ok    bool
	}{
		{"all within", "bfloat16", usage{2 * time.Second, 4 * time.Second, 1 << 30}, false, true},
		{"too much CPU", "bfloat16", usage{2 * time.Second, 4100 * time.Millisecond, 1 << 30}, false, false},
		{"too much CPU for float32", "float32", usage{2 * time.Second, 9 * time.Second, 1 << 30}, false, true},
		{"too much CPU on small sizes", "bfloat16", usage{2 * time.Second, 9 * time.Second, 1 << 30}, true, true},
		{"too much memory", "bfloat16", usage{2 * time.Second, 4 * time.Second, 1<<30 + 1}, false, false},
		{"too much memory for float32", "float32", usage{2 * time.Second, 4 * time.Second, 1<<30 + 1}, false, false},
		{"too much memory on small sizes", "float32", usage{2 * time.Second, 4 * time.Second, 1<<30 + 1}, true, false},
		{"slow", "bfloat16", usage{20 * time.Second, 4 * time.Second, 1 << 30}, false, true},
	} {
		cp := &checkpoint{name: "lora", within: 2, wanted: 0.6, decoded: 1e9, zstd: []usage{{wall: time.Second, cpu: 2 * time.Second}}}
		cp.cases = []*testCase{{checkpoint: cp, dtype: c.dtype, memory: "1GiB", allowed: 1 << 30, runs: []usage{c.run}}}
		var out bytes.Buffer
		b := &bench{options: &options{rounds: 1, small: c.small}, out: &out, checkpoints: []*checkpoint{cp}}
		if got := b.report(); got != c.ok {
			t.Errorf("%s: %v, wanted %v\n%s", c.name, got, c.ok, &out)
		}
		if strings.Contains(out.String(), "FAIL") == c.ok {
			t.Errorf("%s: the lines say otherwise:\n%s", c.name, &out)
		}
	}
}

func TestFlags(t *testing.T) {
	for _, args := range [][]string{{"-rounds", "0"}, {"extra"}, {"-only", "("}, {"-unknown"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
}
