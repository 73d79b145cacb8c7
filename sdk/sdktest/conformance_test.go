package sdktest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// toy is a framework of three layers' weights and an optimizer's state. The
// fault, if any, is what it does wrong.
type toy struct{ fault string }

func (c toy) Describe(context.Context, sdk.DescribeRequest) (*sdk.DescribeResponse, error) {
	rows := "rule \"w\" {\n  source = \"l{l}/w\"\n  axes   = \"d\"\n  target = \"l{l}/w\"\n}\n"
	if c.fault == "garbles" {
		rows = "rule \"w\" {"
	}
	return &sdk.DescribeResponse{Name: "toy", Version: "0.1.0", Rules: map[string]string{"toy": rows}}, nil
}

var calls int

func (c toy) Plan(_ context.Context, r sdk.PlanRequest) (*sdk.PlanResponse, error) {
	src := r.Sources[0]
	p := &plan.Plan{Version: plan.Version, Sources: []string{src.Name}, Output: plan.Output{Format: "pytorch", File: "model.safetensors"}}
	var ds diag.List
	wanted := map[string]bool{"l0/w": true, "l1/w": true, "l2/w": true}
	for _, t := range src.Manifest.Tensors {
		switch {
		case strings.HasPrefix(t.Name, "opt_state/"):
			p.Drops = append(p.Drops, plan.Drop{From: src.Name, Name: t.Name, Reason: "optimizer state"})
		case wanted[t.Name]:
			delete(wanted, t.Name)
			p.Tensors = append(p.Tensors, plan.Tensor{Name: t.Name, DType: t.DType, Shape: t.Shape, Rule: "w", Expr: &plan.Source{From: src.Name, Name: t.Name}})
		}
	}
	for n := range wanted {
		if c.fault != "forgets" {
			ds.Errorf(diag.Keys, "missing-parameter", "A parameter is missing", "%q", n)
		}
	}
	if calls++; c.fault == "counts" {
		p.Facts = append(p.Facts, plan.Fact{Name: "call", Value: fmt.Sprint(calls)})
	}
	if c.fault == "mutters" && ds.HasErrors() {
		ds[0].Detail += fmt.Sprintf(", for the %d. time", calls)
	}
	if c.fault == "panics" && len(src.Manifest.Tensors) != 4 {
		panic("index out of range")
	}
	if ds.HasErrors() {
		p = nil
	}
	return &sdk.PlanResponse{Plan: p, Diagnostics: ds}, nil
}

func toyRequest() sdk.PlanRequest {
	m := &manifest.Manifest{Format: "orbax"}
	for _, n := range []string{"l0/w", "l1/w", "l2/w", "opt_state/count"} {
		m.Tensors = append(m.Tensors, manifest.Tensor{Name: n, Path: strings.Split(n, "/"), DType: tensor.Float32, Shape: tensor.Shape{2}})
	}
	return sdk.PlanRequest{Conversion: "main", Sources: []sdk.Source{{Name: "ft", Role: "source", Weight: 1, Manifest: m}}}
}

const faultEnv = "SDKTEST_FAULT"

func TestToyConforms(t *testing.T) { Conformance(t, toy{os.Getenv(faultEnv)}, toyRequest()) }

// TestFaultsAreFound runs the test above in a process of its own, where it
// must fail.
func TestFaultsAreFound(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for fault, want := range map[string]string{
		"garbles": `the table of rules "toy" cannot be read`,
		"counts":  "TestToyConforms/main/repeat",
		"forgets": `with ["l0/w"] in place of "l0/w" nothing says so`,
		"mutters": "the same request is answered in other words the second time",
		"panics":  "it met a panic: index out of range",
	} {
		t.Run(fault, func(t *testing.T) {
			c := exec.Command(exe, "-test.run=^TestToyConforms$")
			c.Env = append(os.Environ(), faultEnv+"="+fault)
			out, err := c.CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) {
				t.Errorf("%v, wanted %q in:\n%s", err, want, out)
			}
		})
	}
}

func TestMentions(t *testing.T) {
	for _, tt := range []struct {
		text, name string
		want       bool
	}{
		{`"a/w" is missing`, "a/w", true},
		{"a/w: unused", "a/w", true},
		{"a/w_lora_a has no partner", "a/w", false},
		{"x/a/w is missing", "a/w", false},
		{"a/w2 and a/w are missing", "a/w", true},
		{"", "a/w", false},
	} {
		if got := mentions(tt.text, tt.name); got != tt.want {
			t.Errorf("mentions(%q, %q) is %v", tt.text, tt.name, got)
		}
	}
}

// TestHarnessTakesLargeManifests sends more than gRPC's own 4 MiB.
func TestHarnessTakesLargeManifests(t *testing.T) {
	r := toyRequest()
	m := r.Sources[0].Manifest
	for i := range 60_000 {
		n := fmt.Sprintf("opt_state/mu/decoder/layers_%d/mlp/wi_0/kernel", i)
		m.Tensors = append(m.Tensors, manifest.Tensor{Name: n, Path: strings.Split(n, "/"), DType: tensor.Float32, Shape: tensor.Shape{2}})
	}
	resp, err := Harness(t, toy{}).Plan(context.Background(), r)
	if err != nil || resp.Plan == nil || len(resp.Plan.Drops) != 60_001 {
		t.Errorf("got %v", err)
	}
}
