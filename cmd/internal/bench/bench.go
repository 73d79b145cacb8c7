package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// bench is one run of the program.
type bench struct {
	*options
	out         io.Writer
	checkpoints []*checkpoint
}

// testCase is one conversion that is measured.
type testCase struct {
	checkpoint *checkpoint
	dtype      string
	memory     string
	allowed    int64
	runs       []usage // by round
}

func (t *testCase) String() string {
	return fmt.Sprintf("%s %s %s", t.checkpoint.name, t.dtype, t.memory)
}

func (b *bench) cases(c *checkpoint) (out []*testCase) {
	for _, memory := range []struct {
		text  string
		bytes int64
	}{{"1GiB", 1 << 30}, {"256MiB", 256 << 20}} {
		for _, dtype := range []string{"bfloat16", "float32"} {
			t := &testCase{checkpoint: c, dtype: dtype, memory: memory.text, allowed: memory.bytes}
			if b.only.MatchString(t.String()) {
				out = append(out, t)
			}
		}
	}
	return out
}

// round runs zstd and all conversions of c once.
func (b *bench) round(ctx context.Context, c *checkpoint, n int) error {
	if len(c.cases) == 0 {
		return nil
	}
	if err := warm(c.frames); err != nil {
		return err
	}
	u, err := b.unpack(ctx, c)
	if err != nil {
		return fmt.Errorf("zstd on %s: %w", c.name, err)
	}
	c.zstd = append(c.zstd, u)
	fmt.Fprintf(b.out, "round %d  %-24s %v\n", n+1, c.name+" zstd -d | cat", u)
	for i := range c.cases {
		t := c.cases[(i+n)%len(c.cases)] // nobody always comes first
		if err := warm(c.inputs); err != nil {
			return err
		}
		u, err := b.convert(ctx, t)
		if err != nil {
			return fmt.Errorf("%v: %w", t, err)
		}
		t.runs = append(t.runs, u)
		fmt.Fprintf(b.out, "round %d  %-24v %v\n", n+1, t, u)
	}
	return nil
}

// warm brings files into the page cache.
func warm(files []string) error {
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		_, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{f}, make([]byte, 1<<20))
		_ = f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// unpack runs zstd -d frames... | cat > /dev/null.
func (b *bench) unpack(ctx context.Context, c *checkpoint) (usage, error) {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return usage{}, err
	}
	defer func() { _ = null.Close() }()
	r, w, err := os.Pipe()
	if err != nil {
		return usage{}, err
	}
	zstd := exec.CommandContext(ctx, b.zstd, append([]string{"-d", "-q", "-c"}, c.frames...)...)
	zstd.Stdout, zstd.Stderr = w, os.Stderr
	cat := exec.CommandContext(ctx, "cat")
	cat.Stdin, cat.Stdout, cat.Stderr = r, null, os.Stderr
	return measure([]*exec.Cmd{zstd, cat}, func() { _, _ = r.Close(), w.Close() })
}

// convert runs loraconv, and removes what it wrote.
func (b *bench) convert(ctx context.Context, t *testCase) (usage, error) {
	output := filepath.Join(b.dir, "out")
	if err := os.RemoveAll(output); err != nil {
		return usage{}, err
	}
	defer func() { _ = os.RemoveAll(output) }()
	spec := filepath.Join(b.dir, t.checkpoint.name+"-"+t.dtype+".hcl")
	c := t.checkpoint
	text := fmt.Sprintf(`source %q "ft" {
    path = %q
    %s
}

conversion "bench" {
  source = source.%s.ft
  dtype  = %q

  output %q {
    path = %q
    %s
  }
}
`, c.plugin, c.dir, c.source, c.plugin, t.dtype, c.output, output, c.into)
	if err := os.WriteFile(spec, []byte(text), 0o644); err != nil {
		return usage{}, err
	}
	log, err := os.Create(filepath.Join(b.dir, "loraconv.log"))
	if err != nil {
		return usage{}, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.CommandContext(ctx, b.loraconv, "run", spec, "-memory", t.memory)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it cleans up
	u, err := measure([]*exec.Cmd{cmd}, func() {})
	if err != nil {
		said, _ := os.ReadFile(log.Name())
		return u, fmt.Errorf("%w\n%s", err, said)
	}
	if files, _ := filepath.Glob(filepath.Join(output, "*.safetensors")); len(files) == 0 {
		return u, fmt.Errorf("%s holds no weights", output)
	}
	return u, nil
}
