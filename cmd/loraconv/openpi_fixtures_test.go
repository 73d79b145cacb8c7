//go:build fixtures

package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOpenPIFixtures converts every case under LORACONV_FIXTURES/openpi.
func TestOpenPIFixtures(t *testing.T) {
	root := os.Getenv("LORACONV_FIXTURES")
	dirs, err := filepath.Glob(filepath.Join(root, "openpi", "*", "case.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no fixture under %s: %v", root, err)
	}
	for _, d := range dirs {
		dir := filepath.Dir(d)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			if readCase(t, dir).Outcome == "refuse" {
				refusesRight(t, dir)
				return
			}
			for _, dtype := range []string{"float32", "bfloat16", "mixed"} {
				t.Run(dtype, func(t *testing.T) { convertsRight(t, dir, dtype) })
			}
		})
	}
}
