package spec_test

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/spec"
)

// TestRowsInJSON: a row of a JSON spec is read as the same row in HCL.
func TestRowsInJSON(t *testing.T) {
	const native = `
rule "query" {
  source = "{layer}/self_attention/query/kernel"
  axes   = "d n (half two)"
  size   = { two = 2, n = heads * 1.5 }
  names  = { two = ["gate_proj", "up_proj"] }
  where  = { expert = "" }
  mul    = sqrt(half * two)
  to     = "(n two half) d"
  target = "model.layers.{l}.\"odd\" %%{name}.$${kept}"
  optional = true
  when   = has("{layer}/x") && !(alpha < 3)
  lora {
    a      = "{source}_lora_a"
    b      = "{source}_lora_b"
    einsum = "d r, r (n half two) -> d n half two"
    scale  = lora_scale
  }
  lora {
    a      = "x"
    b      = "y"
    einsum = "d r, r (n half two) -> d n half two"
    scale  = 0.25
  }
}
rule "one" {
  axes   = "d"
  fill   = 1e-30
  target = "b"
}
`
	const inJSON = `{
  "source": {"openpi": {"ft": {"path": "p", "lora": {"rule": {
    "query": {
      "source": "{layer}/self_attention/query/kernel",
      "axes": "d n (half two)",
      "size": {"two": 2, "n": "${heads * 1.5}"},
      "names": {"two": ["gate_proj", "up_proj"]},
      "where": {"expert": ""},
      "mul": "${sqrt(half * two)}",
      "to": "(n two half) d",
      "target": "model.layers.{l}.\"odd\" %%{name}.$${kept}",
      "optional": true,
      "when": "${has(\"{layer}/x\") && !(alpha < 3)}",
      "lora": [
        {"a": "{source}_lora_a", "b": "{source}_lora_b", "einsum": "d r, r (n half two) -> d n half two", "scale": "${lora_scale}"},
        {"a": "x", "b": "y", "einsum": "d r, r (n half two) -> d n half two", "scale": 0.25}
      ]
    },
    "one": {"axes": "d", "fill": 1e-30, "target": "b"}
  }}}}},
  "conversion": {"c": {"source": "source.openpi.ft", "output": {"pytorch": {"path": "o"}}}}
}`
	dir := write(t, map[string]string{"s.hcl.json": inJSON})
	f, list := spec.Load(filepath.Join(dir, "s.hcl.json"), spec.Options{})
	must(t, f, list)
	got, list := f.DecodeSource(f.Sources[0], sourceSchema)
	must(t, f, list)
	have, err := rule.Parse(got.Rows, "json")
	if err != nil {
		t.Fatalf("%v in\n%s", err, got.Rows)
	}
	want, err := rule.Parse(native, "hcl")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(rule.Format(want), rule.Format(have)); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}
