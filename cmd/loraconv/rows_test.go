package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// A row in a spec replaces the built-in one of its name; one that cannot be
// read is a fault of the spec.
func TestRowsOfASpec(t *testing.T) {
	dir := absolute(t, filepath.Join("testdata", "openpi", "pi05_lora"))
	c := readCase(t, dir)
	const target = "paligemma_with_expert.paligemma.model.multi_modal_projector.linear.bias"
	spec := func(axes string) string {
		return writeSpec(t, fmt.Sprintf(`source "openpi" "ft" {
  path = %q
  lora {
    alpha = 4
    rule "projector_bias" {
      where  = { expert = "" }
      source = "PaliGemma/img/head/bias"
      axes   = %q
      mul    = 2
      to     = "d"
      target = %q
    }
  }
}
conversion "robot" {
  source = source.openpi.ft
  output "pytorch" {
    path = "out"
  }
}
`, c.source(dir), axes, target))
	}
	code, stdout, stderr := loraconv(t, "explain", spec("d"), "-tensor", target)
	if code != 0 || !strings.Contains(stdout, `by row "projector_bias"`) || !strings.Contains(stdout, "multiply by 2") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	if code, _, stderr := loraconv(t, "plan", spec("d (")); code != 64 || !strings.Contains(stderr, "rule-invalid") {
		t.Errorf("exit %d, wanted 64\n%s", code, stderr)
	}
}
