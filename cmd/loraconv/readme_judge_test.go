package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The blocks that the README shows judge the shipped fine-tune.
func TestReadmeJudges(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, blocks, ok := strings.Cut(string(b), "```hcl\n  check \"drift\"")
	blocks, _, end := strings.Cut(blocks, "```")
	if !ok || !end {
		t.Fatal("the README shows no check blocks")
	}
	dir := t.TempDir()
	for _, name := range []string{"known-good", "out"} {
		shown, dtype := "", "float32"
		if name == "out" {
			shown, dtype = `  check "drift"`+blocks, "bfloat16"
		}
		spec := filepath.Join(dir, name+".hcl")
		mustWrite(t, spec, judgedSpec(t, filepath.Join(dir, name), dtype, shown))
		if code, _, stderr := loraconv(t, "run", spec); code != 0 || strings.Contains(stderr, "Warning") {
			t.Fatalf("%s: exit %d\n%s", name, code, stderr)
		}
	}
	for _, attribute := range []string{"conversion", "method", "format", "dtype", "tensors", "expected_tensors", "merged", "target_modules", "unused", "dropped", "files", "bytes", "warnings", "nonfinite", "drift", "delta_retention"} {
		if !strings.Contains(string(b), "`"+attribute+"`") {
			t.Errorf("the README does not name result.%s", attribute)
		}
	}
}
