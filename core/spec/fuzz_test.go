package spec_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/spec"
)

// FuzzLoad: no text makes Load panic, answer twice differently, or report a
// fault without a code or with a place outside of the text.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/broken/*.hcl", "testdata/broken/*.json", "testdata/samples/*.hcl"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			f.Fatalf("%s: %d files, %v", pattern, len(names), err)
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text, filepath.Ext(name) == ".json")
		}
	}
	f.Add([]byte(whole), false)
	known := map[string]bool{}
	for _, c := range spec.Codes() {
		known[c] = true
	}
	f.Add([]byte(judged), false)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, isJSON bool) {
		name := filepath.Join(dir, "s.hcl")
		if isJSON {
			name += ".json"
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		defer func() {
			if d := time.Since(begin); d > 20*time.Second && !raceEnabled {
				t.Fatalf("took %v", d)
			}
		}()
		var first string
		for range 2 {
			file, list := spec.Load(name, spec.Options{AllowUnset: true})
			if !list.HasErrors() {
				list = append(list, decodeAll(file)...)
			}
			var out bytes.Buffer
			if err := file.Render(&out, list, spec.RenderOptions{Width: 80}); err != nil {
				t.Fatal(err)
			}
			if first == "" {
				first = out.String()
			} else if first != out.String() {
				t.Fatalf("first:\n%s\nthen:\n%s", first, &out)
			}
			for _, d := range list {
				if !known[d.Code] || d.Severity == diag.Error && d.Class != diag.Usage {
					t.Fatalf("code %q, class %d: %s", d.Code, d.Class, d.Error())
				}
				if r := d.Range; r != nil && (r.Start.Byte < 0 || r.Start.Byte > r.End.Byte || r.Start.Line < 1) {
					t.Fatalf("place %+v of %s", r, d.Error())
				}
			}
			for _, c := range file.Conversions {
				for _, e := range c.Expects {
					for _, d := range e.Judge(&judgedResult) {
						if !known[d.Code] || d.Class != diag.Measured {
							t.Fatalf("code %q, class %d: %s", d.Code, d.Class, d.Error())
						}
					}
					again := new(spec.Expect)
					if b, err := json.Marshal(e); err == nil && !list.HasErrors() {
						if err := json.Unmarshal(b, again); err != nil {
							t.Fatalf("%v in %s", err, b)
						}
					}
				}
			}
			for _, s := range file.Sources {
				file.Locate([]string{"source", s.Name, "lora", "alpha"})
			}
		}
	})
}
