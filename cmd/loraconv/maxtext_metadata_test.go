package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a save says of itself is found in the item and in its step, whichever
// the spec names; it is held against names and shapes, and the spec against it.
func TestMaxTextMetadata(t *testing.T) {
	lora := func(rank, alpha string) string {
		return strings.NewReplacer(`"lora_rank": 2`, `"lora_rank": `+rank, `"lora_alpha": 6.0`, `"lora_alpha": `+alpha).Replace(tinyMetadata)
	}
	const alpha = "  lora {\n    alpha = 6\n  }\n"
	for _, c := range []struct {
		name, custom, own, args string
		exit                    int
		text                    string // of the plan, or of the message
	}{
		{"in the step", tinyMetadata, "", "", 0, "6/2"},
		{"in the item", "", tinyMetadata, "", 0, "6/2"},
		{"the item is silent", tinyMetadata, "{}", "", 0, "6/2"},
		{"the spec agrees", tinyMetadata, "", "  scan_layers = true\n  lora {\n    alpha = 6\n    rank  = 2\n  }\n", 0, "6/2"},
		{"nowhere", "", "", "", 64, "does not hold alpha: Tunix's saves never do. Give it in the source block, as lora { alpha = 32 }"},
		{"forgotten in training", lora("2", "0.0"), "", "", 64, "it was forgotten in the training configuration. Give the alpha that is meant"},
		{"forgotten, and said", lora("2", "0.0"), "", alpha, 0, "6/2"},
		{"the spec says another alpha", lora("2", "12.0"), "", alpha, 64, "alpha = 6, but the checkpoint's metadata says lora_alpha 12"},
		{"the spec says no alpha", tinyMetadata, "", "  lora {\n    alpha = 0\n  }\n", 64, "alpha = 0, but the checkpoint's metadata says lora_alpha 6"},
		{"alpha of zero", "", "", "  lora {\n    alpha = 0\n  }\n", 64, "Alpha must be positive"},
		{"rank against shapes", lora("4", "6.0"), "", "", 3, "the checkpoint's metadata says lora_rank 4, but decoder/layers/mlp/wo/kernel_lora_a has rank 2"},
		{"the spec's rank against shapes", "", "", "  lora {\n    alpha = 6\n    rank  = 4\n  }\n", 64, "the spec says rank 4, but decoder/layers/mlp/wo/kernel_lora_a has rank 2"},
		{"scan_layers against names", strings.Replace(tinyMetadata, "true,", "false,", 1), "", "", 3, `the checkpoint's metadata says scan_layers = false, but by its names source "lora" is scanned`},
		{"the spec's scan_layers against names", tinyMetadata, "", "  scan_layers = false\n", 64, `the spec says scan_layers = false, but by its names source "lora" is scanned`},
		{"another type", strings.Replace(tinyMetadata, "6.0", `"6"`, 1), "", "", 3, "lora_alpha"},
		{"not MaxText's", `{"global_step": 7}`, "", alpha, 0, "6/2"},
		{"trained on a quantized base", strings.Replace(tinyMetadata, `"lora_weight_qtype": null`, `"lora_weight_qtype": "nf4"`, 1), "", "", 0, "which is not quantized"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			rest, layers := tinyBase()
			tinyBases["imported"].write(t, filepath.Join(dir, "base"), rest, layers)
			y := tinyLayout{item: "model_params", value: true, layers: "axis 1", custom: c.custom, own: c.own}
			y.write(t, filepath.Join(dir, "lora"), nil, tinyLora(false, true))
			for _, below := range []string{"", "7", "7/model_params"} {
				spec := tinySpec(filepath.Join(dir, "base"), "", filepath.Join(dir, "lora", below), c.args, filepath.Join(dir, "out"))
				code, stdout, stderr := loraconv(t, "plan", writeSpec(t, spec))
				if code != c.exit || !containsFolded(stdout+stderr, c.text) {
					t.Errorf("named by %q: exit %d, wanted %d and %q\n%s%s", below, code, c.exit, c.text, stdout, stderr)
				}
			}
		})
	}
}

// What is said of the base is held against its names as well.
func TestMaxTextMetadataOfBase(t *testing.T) {
	dir := t.TempDir()
	rest, layers := tinyBase()
	y := tinyBases["imported"]
	y.custom = `{"scan_layers": false}`
	y.write(t, dir, rest, layers)
	out := filepath.Join(dir, "out")
	code, _, stderr := loraconv(t, "run", writeSpec(t, tinySpec(dir, "", "", "", out)))
	if code != 3 || !containsFolded(stderr, `says scan_layers = false, but by its names source "base" is scanned`) {
		t.Errorf("exit %d, wanted 3\n%s", code, stderr)
	}
	if _, err := os.Stat(out); err == nil {
		t.Errorf("%s was written", out)
	}
}
