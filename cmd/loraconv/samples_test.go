package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The sample specs are valid as they stand; each has a twin in testdata/samples
// that runs on a small checkpoint.
func TestSamplesValidate(t *testing.T) {
	specs, err := filepath.Glob("../../core/spec/testdata/samples/*.hcl")
	if err != nil || len(specs) != 4 {
		t.Fatal(specs, err)
	}
	for _, s := range specs {
		if code, stdout, stderr := loraconv(t, "validate", s); code != 0 || !strings.Contains(stdout, "1 spec is valid") {
			t.Errorf("%s: exit %d\n%s%s", s, code, stdout, stderr)
		}
	}
}

func TestSampleTwins(t *testing.T) {
	for _, tt := range []struct {
		spec  string
		flags []string
		code  int
		says  []string // on stderr, spaces folded
		files []string
	}{
		{"1-openpi-merge.hcl", nil, 0, nil, []string{"model.safetensors", "config.json", "assets/physical-intelligence/tiny/norm_stats.json"}},
		{"1-openpi-merge.hcl", []string{"-var", "least=1.1"}, 10, []string{`Error: Expectation "delta_survives" is not met (expect-failed)`, `Rounding to bfloat16 lost`, `% of the LoRA delta; use dtype = "float32".`}, nil},
		{"1-openpi-merge.hcl", []string{"-var", "checkpoint=../../../../examples/openpi-pi05-lora/checkpoint"}, 64, []string{"checkpoint must be an openpi step directory."}, nil},
		{"2-maxtext-merge-hf.hcl", nil, 0, []string{`Warning: Check "reference" is not met (check-failed)`, `"model.layers.1.self_attn.q_proj.weight" differs in`}, []string{"README.md", "config.json", "model.safetensors.index.json", "model-00001-of-00003.safetensors"}},
		{"2-maxtext-merge-hf.hcl", []string{"-var", "reference=nowhere"}, 4, []string{"reference-unreadable"}, nil},
		{"3-maxtext-adapter-peft.hcl", nil, 0, nil, []string{"adapter_model.safetensors", "adapter_config.json"}},
		{"3-maxtext-adapter-peft.hcl", []string{"-var", `modules=["q_proj", "lm_head"]`}, 10, []string{"The adapter only has o_proj, q_proj, v_proj."}, nil},
		{"4-batch.hcl", nil, 0, []string{`in execution "slurm"`}, []string{"lora-10/adapter_model.safetensors"}},
	} {
		t.Run(strings.Join(append([]string{tt.spec}, tt.flags...), " "), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "out")
			args := append([]string{"run", filepath.Join("testdata", "samples", tt.spec), "-var", "out=" + out}, tt.flags...)
			code, _, stderr := loraconv(t, args...)
			if code != tt.code {
				t.Fatalf("exit %d, wanted %d\n%s", code, tt.code, stderr)
			}
			for _, s := range tt.says {
				if !strings.Contains(strings.Join(strings.Fields(stderr), " "), s) {
					t.Errorf("it does not say %q:\n%s", s, stderr)
				}
			}
			for _, f := range tt.files {
				if _, err := os.Stat(filepath.Join(out, f)); err != nil {
					t.Error(err)
				}
			}
			if left, _ := os.ReadDir(filepath.Dir(out)); code != 0 && len(left) > 0 {
				t.Errorf("it left %v", left)
			}
		})
	}
}
