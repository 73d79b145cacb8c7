package main

import (
	"context"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/sdktest"
)

var update = flag.Bool("update", false, "write the golden plan and the checkpoint anew")

const rank, scale = 2, 8.0 / 2 // alpha/rank, as model.hcl has it

// tiny is a policy of 4 inputs, 6 hidden units and 3 outputs.
func tiny() *sdktest.Checkpoint {
	c := sdktest.NewCheckpoint(1)
	for l, w := range [][2]int{{4, 6}, {6, 3}} {
		layer := fmt.Sprintf("layers_%d/", l)
		c.Add(layer+"kernel", tensor.BFloat16, w[0], w[1]).Add(layer+"bias", tensor.Float32, w[1])
		c.Add(layer+"lora_a", tensor.Float32, w[0], rank).Add(layer+"lora_b", tensor.Float32, rank, w[1])
	}
	return c.Add("opt_state/mu", tensor.Float32, 3)
}

func request(c *sdktest.Checkpoint) sdk.PlanRequest {
	return sdk.PlanRequest{
		Conversion: "model",
		Sources:    []sdk.Source{{Name: "ft", Role: "source", Weight: 1, Args: map[string]any{"lora": map[string]any{"alpha": 8.0}}, Manifest: c.Manifest()}},
		Output:     sdk.Output{Format: "pytorch", Args: map[string]any{}},
	}
}

func planned(t *testing.T) *plan.Plan {
	t.Helper()
	resp, err := sdktest.Harness(t, Converter{}).Plan(context.Background(), request(tiny()))
	if err != nil {
		t.Fatal(err)
	}
	if resp.Diagnostics.HasErrors() {
		t.Fatal(resp.Diagnostics)
	}
	return resp.Plan
}

func TestConformance(t *testing.T) { sdktest.Conformance(t, Converter{}, request(tiny())) }

func TestGoldenPlan(t *testing.T) {
	sdktest.Golden(t, planned(t), "expected.plan", *update)
}

// The plan gives what the framework's own equation gives: the forward pass is
// x @ (kernel + alpha/rank * lora_a @ lora_b) + bias, and torch.nn.Linear keeps
// the matrix as [out, in].
func TestEquations(t *testing.T) {
	c := tiny()
	got, err := sdktest.Evaluate(planned(t), map[string]*sdktest.Checkpoint{"ft": c})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 4 {
		t.Fatalf("%d tensors", len(got))
	}
	for l := range 2 {
		layer := fmt.Sprintf("layers_%d/", l)
		kernel, a, b, bias := c.Array(layer+"kernel"), c.Array(layer+"lora_a"), c.Array(layer+"lora_b"), c.Array(layer+"bias")
		weight := got[fmt.Sprintf("layers.%d.weight", l)]
		for i := range kernel.Shape[0] {
			for o := range kernel.Shape[1] {
				want := kernel.At(i, o)
				for r := range rank {
					want += scale * a.At(i, r) * b.At(r, o)
				}
				if d := math.Abs(weight.At(o, i) - want); d > 1e-12 {
					t.Errorf("layer %d, [%d, %d]: %v, wanted %v", l, o, i, weight.At(o, i), want)
				}
			}
		}
		for o := range bias.Shape[0] {
			if v := got[fmt.Sprintf("layers.%d.bias", l)].At(o); v != bias.At(o) {
				t.Errorf("layer %d, bias %d: %v", l, o, v)
			}
		}
	}
}

// The checkpoint that ships beside the spec is the one of these tests.
func TestShippedCheckpoint(t *testing.T) {
	dir := t.TempDir()
	if *update {
		dir = "checkpoint"
	}
	if err := tiny().WriteSafetensors(dir); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(dir, "model.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join("checkpoint", "model.safetensors"))
	if err != nil || string(got) != string(want) {
		t.Errorf("checkpoint/model.safetensors is not what tiny gives: %v", err)
	}
}
