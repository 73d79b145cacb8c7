package session

import (
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/plan"
)

func envelope(t testing.TB) []byte {
	t.Helper()
	p := &plan.Plan{Version: plan.Version, Sources: []string{"ft"}, Output: plan.Output{Format: "pytorch", File: "model.safetensors"}}
	digest, err := plan.Digest(p)
	if err != nil {
		t.Fatal(err)
	}
	b, err := WritePlanFile([]*Prepared{{Name: "robot", Plan: p, Digest: digest, Output: "/out"}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPlanFile(t *testing.T) {
	good := string(envelope(t))
	f, err := ParsePlanFile([]byte(good))
	if err != nil || len(f.Conversions) != 1 || f.Conversions[0].Name != "robot" {
		t.Fatalf("%+v, %v", f, err)
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "EOF"},
		{"cut off", good[:len(good)/2], "unexpected EOF"},
		{"bytes behind", good + "{}", "bytes follow its end"},
		{"unknown field", strings.Replace(good, `"output"`, `"outputs"`, 1), "unknown field"},
		{"another version", strings.Replace(good, `"loraconv_plan_file": 1`, `"loraconv_plan_file": 2`, 1), "plan file of version 2, this loraconv reads 1"},
		{"a bracket behind", good + "]", "bytes follow its end"},
		{"a relative output", strings.Replace(good, `"/out"`, `"out"`, 1), `conversion "robot": output "out" is no absolute path`},
		{"no output", strings.Replace(good, `"/out"`, `""`, 1), "is no absolute path"},
		{"too little memory", strings.Replace(good, `"memory": 0`, `"memory": 5`, 1), "memory 5, wanted at least 134217728"},
		{"negative workers", strings.Replace(good, `"memory": 0`, `"memory": 0, "workers": -1`, 1), "workers -1"},
		{"a check that is null", strings.Replace(good, `"memory": 0`, `"memory": 0, "checks": [null]`, 1), "a check of an unknown kind"},
		{"an expectation that is null", strings.Replace(good, `"memory": 0`, `"memory": 0, "expects": [null]`, 1), "an expectation is null"},
		{"another type", strings.Replace(good, `"name": "robot"`, `"name": 3`, 1), "cannot unmarshal number"},
	} {
		_, err := ParsePlanFile([]byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, wanted %q", c.name, err, c.want)
		}
	}
}

func FuzzPlanFile(f *testing.F) {
	f.Add(envelope(f))
	f.Add([]byte(`{"loraconv_plan_file":1,"conversions":[{"plan":"{\"plan\":1}\n"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ParsePlanFile(b)
		if err != nil {
			return
		}
		for _, c := range p.Conversions {
			if x, err := plan.Decode([]byte(c.Plan)); err == nil {
				plan.Check(x, plan.Manifests{})
			}
		}
	})
}
