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

// TestMaxTextFixturesLedger changes every leaf of every good case.
func TestMaxTextFixturesLedger(t *testing.T) {
	eachMaxtext(t, func(t *testing.T, dir string, _ maxtextCase) {
		maxtextLedger(t, dir, false)
		if exists(filepath.Join(dir, "expected_adapter")) {
			maxtextLedger(t, dir, true)
		}
	})
}

// TestMaxTextFixturesDeterminism converts every good case in many ways.
func TestMaxTextFixturesDeterminism(t *testing.T) {
	eachMaxtext(t, func(t *testing.T, _ string, c maxtextCase) {
		sameBytes(t, "maxtext", func(out string) string { return c.spec("merge", "bfloat16", c.Templ, out, "") })
	})
}

// eachMaxtext visits the good cases.
func eachMaxtext(t *testing.T, visit func(t *testing.T, dir string, c maxtextCase)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(os.Getenv("LORACONV_FIXTURES"), "maxtext", "*", "case.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixture: %v", err)
	}
	for _, f := range files {
		dir := filepath.Dir(f)
		if c := readMaxtext(t, dir); c.Expect != "refuse" {
			t.Run(filepath.Base(dir), func(t *testing.T) { visit(t, dir, c) })
		}
	}
}
