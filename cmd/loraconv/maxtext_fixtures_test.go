//go:build fixtures

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMaxTextFixtures converts every case under LORACONV_FIXTURES/maxtext.
func TestMaxTextFixtures(t *testing.T) {
	root := os.Getenv("LORACONV_FIXTURES")
	dirs, err := filepath.Glob(filepath.Join(root, "maxtext", "*", "case.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no fixture under %s: %v", root, err)
	}
	for _, d := range dirs {
		dir := filepath.Dir(d)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			c := readMaxtext(t, dir)
			if c.Expect == "refuse" {
				maxtextRefuses(t, dir)
				return
			}
			for _, method := range []string{"base", "merge"} {
				for _, dtype := range []string{"float32", "bfloat16"} {
					t.Run(method+"/"+dtype, func(t *testing.T) { maxtextConverts(t, dir, method, dtype, c.Templ) })
				}
			}
		})
	}
}
