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

// Step is the name of the step directory in a run directory.
const Step = "29999"

// Tree is where the parameters lie in a run directory.
const Tree = Step + "/params"

// done is written last, and says what is in the directory.
const done = "complete.txt"

// Write makes a run directory dir that holds one step with the leaves, cut into
// chunks of at most limit bytes. If dir holds just that from an earlier time,
// it stays; anything else there is removed.
func Write(dir string, leaves []Leaf, limit int64) error {
	want := describe(leaves, limit)
	if got, err := os.ReadFile(filepath.Join(dir, done)); err == nil && string(got) == want {
		return nil
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	err := orbaxtest.Write(filepath.Join(dir, filepath.FromSlash(Tree)), params(leaves, limit), orbaxtest.Options{ProcessDir: true})
	if err != nil {
		return fmt.Errorf("make the checkpoint %s: %w", dir, err)
	}
	step := filepath.Join(dir, Step)
	assets := filepath.Join(step, "assets", "bench")
	return errors.Join(
		os.MkdirAll(assets, 0o755),
		os.WriteFile(filepath.Join(assets, "norm_stats.json"), []byte("{\"norm_stats\": {}}\n"), 0o644),
		os.WriteFile(filepath.Join(step, "_CHECKPOINT_METADATA"), orbaxtest.StepMetadata([]string{"params"}, nil), 0o644),
		os.WriteFile(filepath.Join(dir, done), []byte(want), 0o644),
	)
}

func params(leaves []Leaf, limit int64) []orbaxtest.Param {
	out := make([]orbaxtest.Param, len(leaves))
	for i, l := range leaves {
		path := append([]string{"params"}, strings.Split(l.Name, "/")...)
		out[i] = orbaxtest.Param{
			Path: append(path, "value"), DType: l.DType, Shape: l.Shape, Chunk: l.Chunk(limit),
			Data: func(origin []int, shape tensor.Shape) (io.Reader, error) {
				return newNormal(l.Name, origin, l.DType, shape.Elements()), nil
			},
		}
	}
	return out
}

// describe is a line for each leaf, and the version of the weights.
func describe(leaves []Leaf, limit int64) string {
	b := strings.Builder{}
	b.WriteString("weights 1\n")
	for i := range leaves {
		l := &leaves[i]
		fmt.Fprintf(&b, "%s %v %v in %v\n", l.Name, l.DType, l.Shape, l.Chunk(limit))
	}
	return b.String()
}
