package gen

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/loraconv/loraconv/core/store/orbax/orbaxtest"
	"github.com/loraconv/loraconv/core/tensor"
)

// Save says how the leaves lie on disk: as item of a step in a run directory.
type Save struct {
	Step, Item string
	Root       string // path of the leaves' names in the item
	Value      bool   // each leaf ends in "value", as nnx saves it
	Zarr3      bool
	Custom     string // the step's custom metadata, JSON
	Norms      bool   // assets with norm_stats.json lie beside the item
	ChunkBytes int64  // Orbax cuts larger arrays
}

// OpenPI is how scripts/train.py saves, with chunks of at most so many bytes.
func OpenPI(chunkBytes int64) Save {
	return Save{Step: "29999", Item: "params", Root: "params", Value: true, Norms: true, ChunkBytes: chunkBytes}
}

// MaxText is how its checkpoint manager saves a run with adapters, whose
// custom metadata names rank and alpha.
func MaxText(chunkBytes int64, rank int) Save {
	custom := fmt.Sprintf(`{"scan_layers": true, "lora": {"enable_lora": true, "lora_rank": %d, "lora_alpha": %d.0}}`, rank, 2*rank)
	return Save{Step: "1000", Item: "items", Root: "params/params", Zarr3: true, Custom: custom, ChunkBytes: chunkBytes}
}

// Tree is where the leaves lie in a run directory.
func (s *Save) Tree() string { return s.Step + "/" + s.Item }

// done is written last, and says what is in the directory.
const done = "complete.txt"

// Write makes a run directory dir that holds one step with the leaves. If dir
// holds just that from an earlier time, it stays; anything else there is
// removed.
func Write(dir string, leaves []Leaf, s Save) error {
	want := describe(leaves, s)
	if got, err := os.ReadFile(filepath.Join(dir, done)); err == nil && string(got) == want {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	err := orbaxtest.Write(filepath.Join(dir, filepath.FromSlash(s.Tree())), params(leaves, s), orbaxtest.Options{ProcessDir: true, Zarr3: s.Zarr3})
	if err != nil {
		return fmt.Errorf("make the checkpoint %s: %w", dir, err)
	}
	step := filepath.Join(dir, s.Step)
	if s.Norms {
		assets := filepath.Join(step, "assets", "bench")
		err = errors.Join(
			os.MkdirAll(assets, 0o755),
			os.WriteFile(filepath.Join(assets, "norm_stats.json"), []byte("{\"norm_stats\": {}}\n"), 0o644),
		)
	}
	var custom []byte
	if s.Custom != "" {
		custom = []byte(s.Custom)
	}
	return errors.Join(
		err,
		os.WriteFile(filepath.Join(step, "_CHECKPOINT_METADATA"), orbaxtest.StepMetadata([]string{s.Item}, custom), 0o644),
		os.WriteFile(filepath.Join(dir, done), []byte(want), 0o644),
	)
}

func params(leaves []Leaf, s Save) []orbaxtest.Param {
	out := make([]orbaxtest.Param, len(leaves))
	for i, l := range leaves {
		path := strings.Split(s.Root+"/"+l.Name, "/")
		if s.Value {
			path = append(path, "value")
		}
		out[i] = orbaxtest.Param{
			Path: path, DType: l.DType, Shape: l.Shape, Chunk: l.Chunk(s.ChunkBytes),
			Data: func(origin []int, shape tensor.Shape) (io.Reader, error) {
				return newNormal(l.Name, origin, l.DType, shape.Elements()), nil
			},
		}
	}
	return out
}

// describe is a line for each leaf, and the version of the weights.
func describe(leaves []Leaf, s Save) string {
	b := strings.Builder{}
	b.WriteString("weights 1\n")
	if s.Zarr3 {
		b.WriteString("zarr 3\n")
	}
	for i := range leaves {
		l := &leaves[i]
		fmt.Fprintf(&b, "%s %v %v in %v\n", l.Name, l.DType, l.Shape, l.Chunk(s.ChunkBytes))
	}
	return b.String()
}
