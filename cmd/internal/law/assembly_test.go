package law

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	function = regexp.MustCompile(`(?m)^TEXT ·(\w+)`)
	label    = regexp.MustCompile(`(?m)^\w+:`)
	wide     = regexp.MustCompile(`\b[YZ]([0-9]|[12][0-9]|3[01])\b`)
)

// TestUpperHalvesAreClear holds that assembly which uses 256 or 512 bits clears
// the upper halves before it returns: the Go that follows takes several times as
// long else, and nothing but the clock would tell.
func TestUpperHalvesAreClear(t *testing.T) {
	checked := 0
	err := filepath.WalkDir("../../../core", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, "_amd64.s") {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		text := string(b)
		starts := function.FindAllStringSubmatchIndex(text, -1)
		for i, at := range starts {
			body := text[at[0]:]
			if i+1 < len(starts) {
				body = text[at[0]:starts[i+1][0]]
			}
			if !wide.MatchString(body) {
				continue
			}
			checked++
			if !clears(body) {
				t.Errorf("%s: %s returns without VZEROUPPER", name, text[at[2]:at[3]])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if checked < 8 {
		t.Errorf("only %d functions were found that use 256 or 512 bits", checked)
	}
}

// clears reports whether VZEROUPPER stands between each RET of body and the label
// before it.
func clears(body string) bool {
	parts := strings.Split(body, "\tRET\n")
	for _, part := range parts[:len(parts)-1] {
		if l := label.FindAllStringIndex(part, -1); len(l) > 0 {
			part = part[l[len(l)-1][0]:]
		}
		if !strings.Contains(part, "\tVZEROUPPER\n") {
			return false
		}
	}
	return true
}
