//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestHostileSpecs gives the command, as a process of its own, the inputs that
// end or exhaust a program which leaves them to the HCL library: each is
// refused with 64 in a second of processor time and 256 MiB.
func TestHostileSpecs(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	rest := "\nsource \"openpi\" \"s\" {\n  path = \"x\"\n}\nconversion \"c\" {\n  source = source.openpi.s\n  output \"pytorch\" {\n    path = \"o\"\n  }\n"
	inConversion := func(block string) string { return rest + block + "\n}\n" }
	for name, text := range map[string]string{
		"mebibyte-of-parens.hcl": strings.Repeat("(", 1<<20),
		"parens.hcl":             "a = " + strings.Repeat("(", 68_000),
		"brackets.hcl":           "a = " + strings.Repeat("[", 61_000),
		"templates.hcl":          "a = " + strings.Repeat(`"${`, 48_000),
		"blocks.hcl":             strings.Repeat("a {\n", 160_000),
		"arrays.hcl.json":        strings.Repeat("[", 186_000),
		"nested-for.hcl":         "locals {\n  a = [for a in range(1000): [for b in range(1000): [for c in range(1000): a]]]\n}\n" + inConversion(""),
		"for-product.hcl":        "locals {\n  a = [for a in range(1000): [for b in range(1000): a]]\n}\n" + inConversion(""),
		"laughs.hcl":             "locals {\n  a0 = \"lol\"\n" + laughs(40) + "}\n" + inConversion(""),
		"too-many-sources.hcl":   "source \"openpi\" \"many\" {\n  for_each = toset([for i in range(1001) : tostring(i)])\n  path     = each.key\n}\n" + inConversion(""),
		"expect.hcl":             inConversion("  expect \"e\" {\n    condition     = [for a in range(1000): [for b in range(1000): result.tensors]] == []\n    error_message = \"x\"\n  }"),
		"expect-parens.hcl":      inConversion("  expect \"e\" {\n    condition     = " + strings.Repeat("(", 100_000)),
		"expect-width.hcl":       inConversion("  expect \"e\" {\n    condition     = length(format(\"%999999999d\", 1)) == result.tensors\n    error_message = \"x\"\n  }"),
		"rows.hcl.json":          `{"source":{"openpi":{"s":{"path":"x","lora":{"rule":{"r":{"mul":"${` + strings.Repeat("(", 100_000) + `"}}}}}}}`,
		"regex.hcl":              inConversion("  rule \"r\" {\n    match_regex = \"" + strings.Repeat("(x+x+){1,30}", 400) + "\"\n    merge = false\n  }"),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(self, "validate", path)
			cmd.Env = append(os.Environ(), "LORACONV_TEST_MAIN=1")
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			_ = cmd.Run()
			s := cmd.ProcessState
			took, most := s.UserTime()+s.SystemTime(), s.SysUsage().(*syscall.Rusage).Maxrss>>10
			t.Logf("exit %d, %v, %d MiB", s.ExitCode(), took, most)
			if s.ExitCode() != 64 || out.Len() > 64<<10 {
				t.Errorf("exit %d, wanted 64; %d bytes of text, begins\n%.500s", s.ExitCode(), out.Len(), &out)
			}
			if took > time.Second || most > 256 {
				t.Errorf("%v of processor time and %d MiB, wanted at most 1s and 256 MiB", took, most)
			}
		})
	}
}

// laughs are local values of which each is twice the one before.
func laughs(n int) string {
	var b strings.Builder
	for i := 1; i < n; i++ {
		b.WriteString("  a" + strconv.Itoa(i) + " = \"${local.a" + strconv.Itoa(i-1) + "}${local.a" + strconv.Itoa(i-1) + "}\"\n")
	}
	return b.String()
}
