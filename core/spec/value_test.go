package spec

import "testing"

// Element types are written in many ways, and each finds the one that is meant.
func TestMeantValue(t *testing.T) {
	dtypes := []string{"float32", "bfloat16", "float16", "mixed", "source"}
	for said, want := range map[string]string{
		"bf16": "bfloat16", "fp32": "float32", "f32": "float32", "fp16": "float16", "BFLOAT16": "bfloat16", "Mixed": "mixed",
		"bfloat": "bfloat16", "mixd": "mixed", "int8": "", "f64": "", "": "", "16": "",
	} {
		if want != "" {
			want = ` Did you mean "` + want + `"?`
		}
		if got := meantValue(said, dtypes); got != want {
			t.Errorf("%q:%s, wanted%s", said, got, want)
		}
	}
	if got := meantValue("f16", []string{"float16", "fixed16"}); got != "" {
		t.Errorf("one of two is taken:%s", got)
	}
}
