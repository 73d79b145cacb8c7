package store

import (
	"strings"
	"testing"
)

func TestCheckName(t *testing.T) {
	good := []string{"a", "a/b/c.json", "..a", ".hidden", "a b", "ä/ö", "CONSOLE", "com", "com10.txt", "nul_", strings.Repeat("x", 255)}
	for _, n := range good {
		if err := CheckName(n); err != nil {
			t.Errorf("%q: %v", n, err)
		}
	}
	bad := []string{
		"", ".", "..", "/a", "a/", "a//b", "a/../b", "../a", "a/./b",
		"a\\b", "a:b", "c:", "a\x00", "a\nb", "a\x7f", "a\u0085", "a\xff", "a.", "a ", "a./b", "a /b",
		"CON", "nul", "Aux.txt", "x/prn", "COM1", "lpt9.tar.gz", "com¹", "nul .txt", "conin$",
		"a*", "a?", "a\"", "a<b", "a>b", "a|b",
		strings.Repeat("x", 256), strings.Repeat("x/", 600) + "x",
	}
	for _, n := range bad {
		if err := CheckName(n); err == nil {
			t.Errorf("%q was accepted", n)
		}
	}
}

func TestCheckNames(t *testing.T) {
	for _, c := range []struct {
		names []string
		want  string
	}{
		{[]string{"a/x", "a/y", "b", "assets/a"}, ""},
		{[]string{"a", "A"}, `"a" and "A" would be one name`},
		{[]string{"a/x", "A/y"}, `"a" and "A" would be one name`},
		{[]string{"a", "a"}, `"a" stands twice`},
		{[]string{"a", "a/b"}, `"a" is both a file and a directory`},
		{[]string{"a/b", "a"}, `"a" is both a file and a directory`},
		{[]string{"A/b", "a"}, `"A" and "a" would be one name`},
		{[]string{"straße/K", "straße/\u212a"}, "would be one name"}, // the Kelvin sign
		{[]string{"σ", "ς"}, "would be one name"},                    // two small sigmas
		{[]string{"ok", "no."}, "ends in a dot"},
	} {
		err := CheckNames(c.names)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v, wanted %q", c.names, err, c.want)
		}
	}
}
