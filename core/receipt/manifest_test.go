package receipt

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/tensor"
)

const (
	zeros = "0000000000000000000000000000000000000000000000000000000000000000"
	ones  = "1111111111111111111111111111111111111111111111111111111111111111"
)

func small() *Manifest {
	return &Manifest{
		Conversion: "robot", PlanDigest: ones,
		Accounting: Accounting{SourceParameters: 4, Read: 3, Folded: 2, Outputs: 1, Merged: 1, Dropped: []Dropped{{"ft", "opt/<mu>", "not part of the model"}}},
		Files:      []File{{"model.safetensors", 20, zeros}, {"config.json", 2, ones}},
		Tensors: []Tensor{{Name: "w", DType: tensor.BFloat16, Shape: tensor.Shape{1, 2}, File: "model.safetensors", Offset: 16, Bytes: 4,
			SHA256: zeros, Rule: "attention", Sources: []string{"ft:w"}}},
	}
}

// The document, every byte: keys sorted, no number that is no integer, one
// line feed at the end. The root is sha256sum's of "config.json NUL 1…1 LF
// model.safetensors NUL 0…0 LF".
const golden = `{
 "accounting": {
  "dropped": [
   {
    "from": "ft",
    "name": "opt/<mu>",
    "reason": "not part of the model"
   }
  ],
  "folded": 2,
  "merged": 1,
  "outputs": 1,
  "read": 3,
  "source_parameters": 4
 },
 "conversion": "robot",
 "files": [
  {
   "bytes": 2,
   "name": "config.json",
   "sha256": "1111111111111111111111111111111111111111111111111111111111111111"
  },
  {
   "bytes": 20,
   "name": "model.safetensors",
   "sha256": "0000000000000000000000000000000000000000000000000000000000000000"
  }
 ],
 "plan_sha256": "1111111111111111111111111111111111111111111111111111111111111111",
 "root": "9c9f9aa87287e5e07c84ed8e3db15da214183f80ea26018904286e3caaa2f288",
 "schema": 1,
 "tensors": [
  {
   "bytes": 4,
   "dtype": "bfloat16",
   "file": "model.safetensors",
   "name": "w",
   "nonfinite": 0,
   "offset": 16,
   "rule": "attention",
   "sha256": "0000000000000000000000000000000000000000000000000000000000000000",
   "shape": [
    1,
    2
   ],
   "sources": [
    "ft:w"
   ]
  }
 ]
}
`

func TestManifestBytes(t *testing.T) {
	b, err := small().Encode()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(golden, string(b)); d != "" {
		t.Error(d)
	}
	m, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := m.Encode()
	if err != nil || !bytes.Equal(again, b) {
		t.Errorf("decoded and encoded again, it differs, %v", err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	b, err := small().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"a key that stands twice", `"schema": 1,`, `"schema": 1,` + "\n" + ` "schema": 1,`, "not as loraconv writes it"},
		{"an unknown key", `"schema": 1,`, `"schema": 1,` + "\n" + ` "time": 1,`, `unknown field "time"`},
		{"another case", `"schema": 1`, `"Schema": 1`, "not as loraconv writes it"},
		{"a fraction", `"offset": 16`, `"offset": 16.5`, "offset"},
		{"an exponent", `"offset": 16`, `"offset": 1.6e1`, "offset"},
		{"another schema", `"schema": 1`, `"schema": 2`, "schema 2, this loraconv reads 1"},
		{"another root", `"root": "`, `"root": "0`, "its root is"},
		{"another digest", `"sha256": "1`, `"sha256": "2`, "its root is"},
		{"a name that leaves", `"name": "config.json"`, `"name": "../config.json"`, "not a plain relative path"},
		{"our own name", `"name": "config.json"`, `"name": "loraconv.manifest.json"`, "stands twice"},
		{"a tensor of no file", `"file": "model`, `"file": "muddle`, `file "muddle.safetensors" is not listed`},
		{"a tensor beyond its file", `"offset": 16`, `"offset": 17`, "4 bytes at 17"},
		{"a tensor of another size", `"bytes": 4`, `"bytes": 5`, "5 bytes, bfloat16"},
		{"a negative size", `"bytes": 2,`, `"bytes": -2,`, "-2 bytes"},
		{"a negative count", `"nonfinite": 0`, `"nonfinite": -1`, "-1 non-finite"},
		{"space", `"schema": 1`, `"schema":  1`, "not as loraconv writes it"},
		{"an end", "\n}\n", "\n}", "not as loraconv writes it"},
	} {
		changed := strings.Replace(string(b), c.old, c.new, 1)
		if changed == string(b) {
			t.Fatalf("%s: nothing changed", c.name)
		}
		if _, err := Decode([]byte(changed)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, wanted %q", c.name, err, c.want)
		}
	}
}

func TestEncodeRefuses(t *testing.T) {
	for want, change := range map[string]func(m *Manifest){
		`tensor "w" stands twice`: func(m *Manifest) { m.Tensors = append(m.Tensors, m.Tensors[0]) },
		"overlap": func(m *Manifest) {
			x := m.Tensors[0]
			x.Name, x.Offset = "v", 14
			m.Tensors = append(m.Tensors, x)
		},
		"not valid UTF-8":     func(m *Manifest) { m.Tensors[0].Rule = "\xff" },
		"a count is negative": func(m *Manifest) { m.Accounting.Folded = -1 },
		"would be one name":   func(m *Manifest) { m.Files = append(m.Files, File{"CONFIG.json", 0, zeros}) },
		`digest "x"`:          func(m *Manifest) { m.Tensors[0].SHA256 = "x" },
	} {
		m := small()
		change(m)
		if _, err := m.Encode(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, wanted %q", err, want)
		}
	}
}

// Neither the order of files and tensors nor absent lists change a byte.
func TestEncodeIsCanonical(t *testing.T) {
	m := small()
	m.Files[0], m.Files[1] = m.Files[1], m.Files[0]
	a, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b, err := small().Encode()
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("another order gave other bytes, %v", err)
	}
	e, err := (&Manifest{}).Encode()
	if err != nil || bytes.Contains(e, []byte("null")) {
		t.Errorf("%s, %v", e, err)
	}
}

func FuzzDecode(f *testing.F) {
	b, err := small().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := Decode(b)
		if err != nil {
			return
		}
		if again, err := m.Encode(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("accepted what is not canonical, %v", err)
		}
	})
}
