//go:build fixtures

package main

import (
	"os"
	"path/filepath"
	"strings"
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

// maxtextRefuses runs a damaged case: its exit code, a message that names what
// is wrong, and nothing at or beside the output.
func maxtextRefuses(t *testing.T, dir string) {
	t.Helper()
	c := readMaxtext(t, dir)
	c.noAlpha = strings.Contains(filepath.Base(dir), "alpha-unknown")
	parent := t.TempDir()
	spec := c.spec("merge", "float32", c.Templ, filepath.Join(parent, "out"), "")
	code, stdout, stderr := loraconv(t, "run", writeSpec(t, spec))
	if code != c.Exit {
		t.Errorf("exit %d, wanted %d\n%s%s", code, c.Exit, stdout, stderr)
	}
	named := false
	for _, n := range c.Names {
		named = named || strings.Contains(stderr, n)
	}
	if !named {
		t.Errorf("the message names none of %v:\n%s", c.Names, stderr)
	}
	if es, err := os.ReadDir(parent); err != nil || len(es) != 0 {
		t.Errorf("left behind: %v, %v", es, err)
	}
}
