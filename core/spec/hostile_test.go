package spec_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/loraconv/loraconv/core/spec"
)

// hostile are the inputs that reliability work on HCL v2.25.0 found to end
// the process or to take all memory, and their relatives. Each is near the
// largest size that is read.
func hostile() map[string]string {
	const mb = 1 << 20
	rep := func(s string, n int) string { return strings.Repeat(s, n/len(s)) }
	double := func(first, next string, n int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "locals {\n a0 = %s\n", first)
		for i := 1; i < n; i++ {
			fmt.Fprintf(&b, " a%d = %s\n", i, strings.ReplaceAll(next, "@", fmt.Sprintf("local.a%d", i-1)))
		}
		return b.String() + "}\n"
	}
	local := func(e string) string { return "locals {\n a = " + e + "\n}\n" }
	return map[string]string{
		"parens.hcl":            rep("(", mb),
		"parens-in-value.hcl":   "a = " + rep("(", 137_000),
		"brackets.hcl":          "a = " + rep("[", 122_000),
		"templates.hcl":         "a = " + rep(`"${`, 147_000),
		"blocks.hcl":            rep("a {\n", 640_000),
		"braces.hcl":            "a = " + rep("{a=", mb-10),
		"if-directives.hcl":     `a = "` + rep("%{if true}", mb-10),
		"for-directives.hcl":    `a = "` + rep("%{for a in b}", mb-20),
		"mismatched.hcl":        "a = " + rep("(]", mb-10),
		"not.hcl":               "a = " + rep("!", mb-10),
		"minus.hcl":             "a = " + rep("- ", mb-10),
		"ternaries.hcl":         "a = " + rep("1?1:", mb-10),
		"sum.hcl":               "a = 1" + rep("+1", mb-10),
		"minus-in-lines.hcl":    "a = (" + rep("-\n", mb-20) + "1)",
		"sum-in-lines.hcl":      "a = (1" + rep("\n+1", mb-10) + ")",
		"indices.hcl":           "a = f()" + rep("[a]", mb-10),
		"splats.hcl":            "a = x" + rep("[*]", mb-10),
		"dots.hcl":              "a = x" + rep(".a", mb-10),
		"calls.hcl":             "a = " + rep("f(", mb-10),
		"newlines.hcl":          rep("\n", mb),
		"semicolons.hcl":        rep(";", mb),
		"quotes.hcl":            rep(`"`, mb),
		"nul.hcl":               rep("\x00", mb),
		"not-utf8.hcl":          rep("\xff", mb),
		"comment.hcl":           "#" + rep("x", mb-10),
		"comment-words.hcl":     "/*" + rep("x y", mb-10),
		"heredocs.hcl":          rep("a = <<E\n${<<E\n", mb-10),
		"large.hcl":             rep("#", mb+1),
		"same-arguments.hcl":    rep("a=1\n", mb/2),
		"bad-arguments.hcl":     rep("a=\n", mb/2),
		"unknown-blocks.hcl":    rep("a{}\n", mb/2),
		"elements.hcl":          local("[" + rep("1,", mb/2) + "1]"),
		"strings.hcl":           local("[" + rep(`"",`, 300_000) + "1]"),
		"percents.hcl":          local(`"` + rep("%a", 600_000) + `"`),
		"heredoc-lines.hcl":     "locals {\n a = <<E\n" + rep("x\n", 500_000) + "E\n}\n",
		"symbols.hcl":           rep("×", mb),
		"parts.hcl":             local(`"` + rep("${1}", mb/4) + `"`),
		"digits.hcl":            local(rep("1", mb-40)),
		"text-digits.hcl":       local(`"` + rep("1", mb-40) + `" * 1`),
		"exponent.hcl":          local("1e99999999"),
		"exponent-text.hcl":     local(`"${"1e99999999" * 1}"`),
		"squares.hcl":           double("1e999", "@ * @", 40),
		"double-text.hcl":       double(`"lol"`, `"${@}${@}"`, 50),
		"double-list.hcl":       double("[]", "[@, @]", 50),
		"double-object.hcl":     double("{}", "{ a = @, b = @ }", 50),
		"double-concat.hcl":     double("[1]", "concat(@, @)", 50),
		"double-join.hcl":       double(`"ab"`, `join(@, [@, @, @])`, 50),
		"chain.hcl":             double("1", "@ + 1", 40_000),
		"deep-value.hcl":        double("[]", "[@]", 40_000),
		"nested-for.hcl":        local("[for a in range(1000): [for b in range(1000): [for c in range(1000): a]]]"),
		"nested-for-2.hcl":      local("[for a in range(1000): [for b in range(1000): 1]]"),
		"template-for.hcl":      local(`"%{for a in range(1000)}%{for b in range(1000)}xxxxxxxxxxxxxxxxxxxxxxxx%{endfor}%{endfor}"`),
		"for-object.hcl":        local(`{for a in range(1000): "x" => [for b in range(1000): a]...}`),
		"product.hcl":           local("setproduct(range(1000), range(1000), range(1000))"),
		"format.hcl":            local(`format("%999999999d", 1)`),
		"format-point.hcl":      local(`format("%.999999999f", 1)`),
		"format-again.hcl":      local(`format("` + rep("%[1]s", 200_000) + `", "` + rep("x", 200_000) + `")`),
		"indent.hcl":            local(`indent(1e9, "a\nb")`),
		"join.hcl":              local(`join("` + rep("x", 500_000) + `", [for a in range(1000): "y"])`),
		"replace.hcl":           local(`replace("` + rep("x", 400_000) + `", "", "` + rep("y", 400_000) + `")`),
		"regex-replace.hcl":     local(`regex_replace("` + rep("x", 400_000) + `", "x", "` + rep("$0", 400_000) + `")`),
		"regex.hcl":             local(`regex("` + rep("(x+x+){1,30}", 4000) + `y", "` + rep("x", 400_000) + `")`),
		"regex-repeat.hcl":      local(`regexall("((a{100}){100}){100}", "a")`),
		"pow.hcl":               local("pow(10, 1e300)"),
		"parseint.hcl":          local(`parseint("` + rep("1", 900_000) + `", 10)`),
		"jsondecode.hcl":        local(`jsondecode("` + rep("[", 900_000) + `")`),
		"jsondecode-list.hcl":   local(`jsondecode("[` + rep("1,", 190_000) + `1]")`),
		"jsondecode-number.hcl": local(`"${jsondecode("1e99999999")}"`),
		"distinct.hcl":          local(`distinct(split(",", "` + rep("a,b,", 800_000) + `"))`),
		"try.hcl":               local(`[for a in range(1000): try([for b in range(1000): b.x], 1)]`),
		"type.hcl":              "variable \"a\" {\n type = " + rep("list(", mb-100) + "\n}\n",
		"brackets.hcl.json":     rep("[", mb),
		"objects.hcl.json":      rep(`{"a":`, mb),
		"mismatched.hcl.json":   `{"a":` + rep("[}", mb-100),
		"elements.hcl.json":     `{"locals":{"a":[` + rep("1,", mb/2) + `1]}}`,
		"keys.hcl.json":         `{"locals":{` + rep(`"a":1,`, mb-100) + `"a":1}}`,
		"template.hcl.json":     `{"locals":{"a":"${` + rep("(", mb-100) + `"}}`,
		"digits.hcl.json":       `{"locals":{"a":` + rep("1", mb-100) + `}}`,
		"exponent.hcl.json":     `{"locals":{"a":"x${1e999999999}"}}`,
		"type.hcl.json":         `{"variable":{"a":{"type":"` + rep("list(", mb-100) + `"}}}`,
		"product.hcl.json":      `{"locals":{"a":"${[for a in range(1000): [for b in range(1000): a]]}"}}`,
		"reference.hcl.json":    `{"source":{"p":{"s":{"path":"x"}}},"conversion":{"c":{"source":"` + rep("a[", mb-200) + `"}}}`,
	}
}

// TestHostile: each is refused, or read, in a second and 256 MiB on an idle
// machine; the test allows for a busy one.
func TestHostile(t *testing.T) {
	dir := t.TempDir()
	inputs := hostile()
	for name, text := range inputs {
		if raceEnabled {
			break // nothing here runs in parallel; the text is judged once
		}
		if base, ext, _ := strings.Cut(name, "."); len(text) > 190_000 {
			inputs[base+"-less."+ext] = text[:190_000] // few enough tokens to be looked at closely
		}
	}
	for name, text := range inputs {
		path := filepath.Join(dir, name)
		if only := os.Getenv("LORACONV_HOSTILE"); only != "" && only != name {
			continue // one at a time, to measure a process
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		debug.FreeOSMemory()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begin := time.Now()
		f, list := spec.Load(path, spec.Options{})
		var out strings.Builder
		_ = f.Render(&out, list, spec.RenderOptions{Width: 100})
		took := time.Since(begin)
		runtime.ReadMemStats(&after)
		made := (after.TotalAlloc - before.TotalAlloc) >> 20
		if testing.Verbose() {
			t.Logf("%-24s %8.3f s %5d MiB made, %3d diagnostics, %q", name, took.Seconds(), made, len(list), firstLine(out.String()))
		}
		if !list.HasErrors() {
			t.Errorf("%s: no error", name)
		}
		if took > 10*time.Second && !raceEnabled {
			t.Errorf("%s: took %v", name, took)
		}
		if len(list) > 101 || out.Len() > 1<<20 {
			t.Errorf("%s: %d diagnostics, %d bytes of text", name, len(list), out.Len())
		}
	}
}

// TestTextInManyPieces: the lexer cuts a text at each %, and the parser joins the
// pieces one by one, which is quadratic.
func TestTextInManyPieces(t *testing.T) {
	for n, want := range map[int]bool{3000: false, 20_000: true} {
		_, list := spec.Load("", spec.Options{Text: []byte("locals {\n  a = \"" + strings.Repeat("a% ", n) + "\"\n}\n")})
		if got := strings.Contains(codes(list), "spec-too-large"); got != want {
			t.Errorf("%d pieces: %s, wanted to be too large: %v", n, codes(list), want)
		}
	}
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s
}
