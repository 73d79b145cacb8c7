package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// codePatterns find where a diagnostic gets its code.
var codePatterns = []*regexp.Regexp{
	regexp.MustCompile(`diag\.New\([^,"]+, "([a-z][a-z0-9-]+)"`),
	regexp.MustCompile(`\.Errorf\(diag\.[A-Za-z]+, "([a-z][a-z0-9-]+)"`),
	regexp.MustCompile(`\.Warnf\("([a-z][a-z0-9-]+)"`),
	regexp.MustCompile(`\bCode[A-Za-z]*\s*= "([a-z][a-z0-9-]+)"`),
	regexp.MustCompile(`\bcode[, a-z]*(?:=|:=) "([a-z][a-z0-9-]+)"`),
	regexp.MustCompile(`Code: +"([a-z][a-z0-9-]+)"`),
	regexp.MustCompile(`\bc\.fail\("([a-z][a-z0-9-]+)"`),
}

// Every code that the source gives a diagnostic is explained, once.
func TestEveryCodeIsExplained(t *testing.T) {
	explained := map[string]int{}
	for _, c := range codes() {
		explained[c.Name]++
		if len(c.Doc) < 20 {
			t.Errorf("%s is explained in %d bytes", c.Name, len(c.Doc))
		}
	}
	for n, k := range explained {
		if k > 1 {
			t.Errorf("%s is explained %d times", n, k)
		}
	}
	used := map[string]string{}
	for _, top := range []string{"core", "sdk", "plugins", "cmd"} {
		err := filepath.WalkDir("../../"+top, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") || strings.HasSuffix(p, ".pb.go") || strings.Contains(p, "core/spec/") {
				return err // core/spec has a test of its own
			}
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			for _, re := range codePatterns {
				for _, m := range re.FindAllStringSubmatch(string(b), -1) {
					used[m[1]] = p
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(used) < 30 {
		t.Fatalf("only %d codes were found", len(used))
	}
	for n, p := range used {
		if explained[n] == 0 {
			t.Errorf("%s (%s) is not explained", n, p)
		}
	}
}
