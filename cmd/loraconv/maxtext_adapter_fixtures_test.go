//go:build fixtures

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMaxTextAdapterFixtures exports the adapter of every case under
// LORACONV_FIXTURES/maxtext; one without a form in PEFT is refused by name.
func TestMaxTextAdapterFixtures(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(os.Getenv("LORACONV_FIXTURES"), "maxtext", "*", "case.json"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no fixture: %v", err)
	}
	for _, d := range dirs {
		dir := filepath.Dir(d)
		c := readMaxtext(t, dir)
		if c.Expect == "refuse" {
			continue
		}
		t.Run(filepath.Base(dir), func(t *testing.T) {
			if exists(filepath.Join(dir, "expected_adapter")) {
				for _, alone := range []bool{false, true} {
					t.Run(fmt.Sprintf("alone=%v", alone), func(t *testing.T) { maxtextExports(t, dir, c.Templ, alone) })
				}
				return
			}
			out := filepath.Join(t.TempDir(), "out")
			code, stdout, stderr := loraconv(t, "run", writeSpec(t, c.adapterSpec(out, c.Templ, "")))
			if code != 3 || !strings.Contains(stderr, "wi_0_lora_a") || exists(out) {
				t.Errorf("exit %d, wanted 3\n%s%s", code, stdout, stderr)
			}
		})
	}
}
