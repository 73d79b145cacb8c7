package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/loraconv/loraconv/cmd/internal/bench/gen"
	"github.com/loraconv/loraconv/core/store/all"
	"github.com/loraconv/loraconv/core/tensor"
)

// checkpoint is a source of conversions.
type checkpoint struct {
	name, what string
	dir        string
	leaves     []gen.Leaf
	save       gen.Save
	plugin     string   // of the source
	source     string   // what its block says beside the path
	output     string   // the output's format
	into       string   // what its block says beside the path
	within     float64  // CPU seconds to bfloat16 at most, times zstd's; 0: no bound
	wanted     float64  // throughput, times zstd's
	inputs     []string // files with parameters
	frames     []string // one for each chunk
	decoded    int64    // bytes of all parameters

	zstd  []usage // by round
	cases []*testCase
}

// linearOptional replaces the row of that name in the plugin's table by one
// that a checkpoint may lack.
const linearOptional = `lora {
      alpha = 16
      rule "feed_forward_out" {
        source   = "PaliGemma/llm/layers/mlp{expert}/linear"
        axes     = "l f d"
        to       = "d f"
        target   = "{tower}.layers.{l}.mlp.down_proj.weight"
        optional = true
      }
    }`

func (b *bench) list() []*checkpoint {
	lora, array, stack := gen.Pi0, gen.Gating, gen.Llama
	if b.small {
		lora, array, stack = gen.SmallPi0, gen.SmallGating, gen.SmallLlama
	}
	return []*checkpoint{
		{
			name: "lora", what: "a pi0 LoRA run: base bfloat16, adapters (rank 16 and 32), vision and projections float32",
			leaves: lora.Leaves(tensor.BFloat16), save: gen.OpenPI(lora.ChunkBytes),
			plugin: "openpi", source: "lora {\n      alpha = 16\n    }", output: "pytorch", within: 2, wanted: 0.6,
		},
		{
			name: "array", what: "gating_einsum alone: float32, four chunks, rank 16",
			leaves: array.Leaves(tensor.Float32), save: gen.OpenPI(array.ChunkBytes),
			plugin: "openpi", source: linearOptional, output: "pytorch", within: 2, wanted: 0.6,
		},
		{
			name: "stack", what: "four layers of Llama 3.1 8B, scanned on axis 1: bfloat16, zarr 3, adapters of rank 16 on all projections",
			leaves: stack.Leaves(tensor.BFloat16), save: gen.MaxText(stack.ChunkBytes, stack.Rank),
			plugin: "maxtext", source: `model = "llama3.1-8b"`, output: "huggingface", into: `template = "none"`, wanted: 0.5,
		},
	}
}

// prepare makes what is not there yet: side by side, each uses one core.
func (b *bench) prepare(ctx context.Context) error {
	b.checkpoints = b.list()
	started := time.Now()
	errs := make(chan error)
	for _, c := range b.checkpoints {
		c.dir = filepath.Join(b.dir, c.name)
		go func() { errs <- c.prepare(ctx) }()
	}
	var all []error
	for range b.checkpoints {
		all = append(all, <-errs)
	}
	if err := errors.Join(all...); err != nil {
		return err
	}
	for _, c := range b.checkpoints {
		c.cases = b.cases(c)
		stored, err := sizes(c.frames)
		if err != nil {
			return err
		}
		fmt.Fprintf(b.out, "%-6s %d parameters in %d chunks, %.2f GB, stored in %.2f GB: %s\n",
			c.name, len(c.leaves), len(c.frames), gb(c.decoded), gb(stored), c.what)
	}
	fmt.Fprintf(b.out, "in %s, after %s\n", b.dir, time.Since(started).Round(time.Second))
	return nil
}

func (c *checkpoint) prepare(ctx context.Context) error {
	if err := gen.Write(c.dir, c.leaves, c.save); err != nil {
		return err
	}
	for i := range c.leaves {
		c.decoded += c.leaves[i].Bytes()
	}
	return c.extract(ctx)
}

// inline is the most that Orbax stores within index nodes, which cannot be
// unpacked from where it lies: biases and the like, nothing that takes time.
const inline = 1024

// extract copies the stored bytes of each chunk, a zstd frame, to a file.
func (c *checkpoint) extract(ctx context.Context) error {
	d, err := all.Open(ctx, c.dir, all.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	r, err := d.Tree(c.save.Item)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	to := filepath.Join(c.dir, "frames")
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	for _, t := range r.Manifest().Tensors {
		chunks, err := r.Chunks(t.Name)
		if err != nil {
			return err
		}
		for _, k := range chunks {
			if k.Length <= inline {
				continue
			}
			from := filepath.Join(d.Describe().Root, filepath.FromSlash(k.File))
			if !slices.Contains(c.inputs, from) {
				c.inputs = append(c.inputs, from)
			}
			name := filepath.Join(to, fmt.Sprintf("%03d.zst", len(c.frames)))
			c.frames = append(c.frames, name)
			if err := copyPart(name, from, k.Offset, k.Length); err != nil {
				return err
			}
		}
	}
	return nil
}

// copyPart copies n bytes at off of a file, unless to has as many already.
func copyPart(to, from string, off, n int64) error {
	if st, err := os.Stat(to); err == nil && st.Size() == n {
		return nil
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = src.Close() }()
	dst, err := os.Create(to)
	if err != nil {
		return err
	}
	got, err := io.Copy(dst, io.NewSectionReader(src, off, n))
	if err == nil && got != n {
		err = fmt.Errorf("%s ends within the %d bytes at %d", from, n, off)
	}
	return errors.Join(err, dst.Close())
}

func sizes(files []string) (n int64, err error) {
	for _, f := range files {
		st, err := os.Stat(f)
		if err != nil {
			return 0, err
		}
		n += st.Size()
	}
	return n, nil
}

func gb(n int64) float64 { return float64(n) / 1e9 }
