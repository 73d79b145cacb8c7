package main

import (
	"path/filepath"
	"testing"
)

// TestMaxTextProven converts a checkpoint of each family that ships with the
// tests: base, merged and adapter, against weights whose logits in transformers
// (and PEFT) are those of the MaxText model. testdata/maxtext/README.md says how
// they were made.
func TestMaxTextProven(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join("testdata", "maxtext", "*", "expected_base.safetensors"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no checkpoint: %v", err)
	}
	for _, d := range dirs {
		dir := filepath.Dir(d)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			template := readMaxtext(t, dir).Templ
			for _, method := range []string{"base", "merge"} {
				for _, dtype := range []string{"float32", "bfloat16"} {
					t.Run(method+"/"+dtype, func(t *testing.T) { maxtextConverts(t, dir, method, dtype, template) })
				}
			}
			t.Run("adapter", func(t *testing.T) { maxtextExports(t, dir, template, false) })
		})
	}
}
