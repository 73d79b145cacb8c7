package format

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/google/go-cmp/cmp"
)

const ragged = `
source  "openpi"   "ft"{
path="checkpoint" # where
    lora {
  alpha   =16
      alpha_pattern={
"**/w"=32
  "*" =   0.5
}
   rule "query" {
 source= "{layer}/query/kernel"
      axes="d n (half two)"
   size={two=2}
 lora {
  einsum = "d r, r (n half two) -> d n half two"
        scale=lora_scale
 }
mul=sqrt( half*two )
  }
    }
}
`

const laidOut = `
source "openpi" "ft" {
  path = "checkpoint" # where
  lora {
    alpha = 16
    alpha_pattern = {
      "**/w" = 32
      "*"    = 0.5
    }
    rule "query" {
      source = "{layer}/query/kernel"
      axes   = "d n (half two)"
      size   = { two = 2 }
      lora {
        einsum = "d r, r (n half two) -> d n half two"
        scale  = lora_scale
      }
      mul = sqrt(half * two)
    }
  }
}
`

// Rows inside a spec are laid out like the rest.
func TestFormat(t *testing.T) {
	got, _, ds := Format("s.hcl", []byte(ragged))
	if d := cmp.Diff(laidOut, string(got)); d != "" || len(ds) > 0 {
		t.Error(ds, d)
	}
}

func TestFormatRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"no HCL": "a = ", "too deep": strings.Repeat("(", 68<<10), "too large": "a = 1\n" + strings.Repeat("#\n", 1<<20),
	} {
		got, _, ds := Format("s.hcl", []byte(text))
		if got != nil || !ds.HasErrors() {
			t.Errorf("%s: %d bytes, %v", name, len(got), ds)
		}
	}
}

// check formats a text, and fails where the result is no fixed point or says
// something else. It reports whether the text was HCL.
func check(t *testing.T, name string, src []byte) bool {
	t.Helper()
	once, _, ds := Format(name, src)
	for _, d := range ds {
		if d.Code == "failed" {
			t.Errorf("%s: %s\n%s", name, d.Detail, src)
		}
	}
	if ds.HasErrors() {
		return false
	}
	twice, _, ds := Format(name, once)
	if ds.HasErrors() || !bytes.Equal(once, twice) {
		t.Errorf("%s is not laid out once and for all: %v\n%s", name, ds, cmp.Diff(string(once), string(twice)))
	}
	if a, b := words(src), words(once); a != b {
		t.Errorf("%s says something else:\n%s", name, cmp.Diff(a, b))
	}
	return true
}

// words is a text without the spaces and tabs outside of quotes, heredocs and
// comments: another reading than sameTokens'.
func words(src []byte) string {
	tokens, _ := hclsyntax.LexConfig(src, "", hcl.InitialPos)
	var b strings.Builder
	for _, t := range tokens {
		fmt.Fprintf(&b, "%s ", t.Bytes)
	}
	return b.String()
}

// Every spec and table of the repository stays as it is once it is laid out.
func TestRepository(t *testing.T) {
	n := 0
	err := filepath.WalkDir("../../..", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(p, ".hcl") {
			return err
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if check(t, p, src) {
			n++
		}
		if strings.HasPrefix(p, "../../../examples/") {
			if now, _, _ := Format(p, src); !bytes.Equal(now, src) {
				t.Errorf("%s is not laid out: run loraconv fmt", p)
			}
		}
		return nil
	})
	if err != nil || n < 80 {
		t.Errorf("%d files, %v", n, err)
	}
}

// So do 1,000 texts of random blocks, expressions, comments and spaces; the few
// that are no HCL are not counted.
func TestGenerated(t *testing.T) {
	valid := 0
	for seed := uint64(0); valid < 1000 && !t.Failed(); seed++ {
		if seed == 2000 {
			t.Fatalf("only %d of %d are HCL", valid, seed)
		}
		g := generator{rand.New(rand.NewPCG(seed, 7)), &strings.Builder{}}
		g.body(0)
		if check(t, fmt.Sprintf("seed %d", seed), []byte(g.out.String())) {
			valid++
		}
	}
}

type generator struct {
	*rand.Rand
	out *strings.Builder
}

func (g generator) pick(s ...string) string { return s[g.IntN(len(s))] }
func (g generator) write(s ...string)       { g.out.WriteString(strings.Join(s, "")) }
func (g generator) space() string           { return g.pick("", " ", "  ", "\t", "     ") }
func (g generator) gap() string             { return g.pick(" ", "  ", "\t", "    ") }

func (g generator) name() string {
	return g.pick("a", "path", "alpha_pattern", "x-y", "source", "lora", "m1", "einsum", "ünder")
}

func (g generator) end() string {
	return g.pick("\n", "\n", "\n\n", " # remark\n", "\t// other\n", "   \n\n\n", " /* in line */\n")
}

func (g generator) body(depth int) {
	for i := range g.IntN(6) {
		g.write(g.space())
		switch k := g.IntN(9); {
		case k == 0:
			g.write(g.pick("# a remark", "#", "//x", "/* one\n   two */"), "\n")
		case k < 3 && depth < 4:
			g.write(g.name())
			for range g.IntN(3) {
				g.write(g.gap(), g.pick(`"lab"`, `"l b"`, "ident"))
			}
			g.write(g.space(), "{")
			if g.IntN(5) == 0 {
				g.write(g.space(), "}", g.end())
				continue
			}
			g.write(g.end())
			g.body(depth + 1)
			g.write(g.space(), "}", g.end())
		case k == 3:
			g.write(g.name(), fmt.Sprint(i), g.space(), "=", g.space(), "<<", g.pick("", "-"), "EOT\n  one\n\t two ${a", g.space(), "+1} x\n", g.pick("EOT", "  EOT"), "\n")
		default:
			g.write(g.name(), fmt.Sprint(i), g.space(), "=", g.space())
			g.expr(0)
			g.write(g.end())
		}
	}
}

func (g generator) expr(depth int) {
	if depth > 2 {
		g.write(g.pick("1", "x", `"s"`))
		return
	}
	sub := func() { g.expr(depth + 1) }
	switch g.IntN(14) {
	case 0:
		g.write(g.pick("true", "null", "0.5", "1e9", "-3", "!x", "- 4", "16"))
	case 1:
		g.write(g.pick(`"text"`, `"a ${ b } c"`, `"%{if x}y%{ else }z%{endif}"`, `"\u00e9 \"q\""`, `"${"${x}"}"`))
	case 2:
		g.write(g.pick("var.x", "source.openpi.ft", `a["k"]`, "a[0].b", "a.*.b", "a[*].b", "each.value"))
	case 3, 4: // list
		g.write("[", g.pick("", "\n", " # why\n"))
		for i := range g.IntN(4) {
			if i > 0 {
				g.write(g.space(), ",", g.pick(" ", "\n", "", "# x\n", "\n\n"))
			}
			sub()
		}
		g.write(g.pick("", "\n", " "), "]")
	case 5, 6: // object
		g.write("{", g.pick("", "\n", "  # why\n"))
		for i := range g.IntN(4) {
			if i > 0 {
				g.write(g.pick(",", "\n", ",\n", "\n\n", "# x\n"))
			}
			g.write(g.space(), g.pick(g.name(), `"**/w"`, "(k)"), g.space(), g.pick("=", ":"), g.space())
			sub()
		}
		g.write(g.pick("", "\n", " "), "}")
	case 7:
		g.write(g.pick("f", "sqrt", "merge"), "(", g.space())
		sub()
		g.write(g.space(), ",", g.pick("", " ", "\n"))
		sub()
		g.write(g.pick("", "...", "\n"), ")")
	case 8, 9:
		sub()
		g.write(g.space(), g.pick("+", "*", "/", "%", "==", "!=", "<", "&&", "||", "-"), g.space())
		sub()
	case 10:
		g.write("(", g.pick("", "\n", " "))
		sub()
		g.write(g.pick("", "\n"), ")")
	case 11:
		sub()
		g.write(g.gap(), "?", g.space())
		sub()
		g.write(g.gap(), ":", g.space())
		sub()
	case 12:
		g.write("[", g.space(), "for ", g.pick("x", "k, v"), " in ", g.gap())
		sub()
		g.write(g.space(), ":", g.space(), "x", g.pick("", "  if x"), g.space(), "]")
	default:
		g.write("{", g.space(), "for k,v in m:", g.space(), "k", g.space(), "=>", g.space())
		sub()
		g.write(g.pick("", "..."), g.space(), "}")
	}
}

// A file is replaced whole, with its mode; a link stays a link; nothing is left
// beside it, also where that fails.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "s.hcl"), filepath.Join(dir, "link.hcl")
	if err := os.WriteFile(file, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("s.hcl", link); err != nil {
		t.Fatal(err)
	}
	if err := Replace(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Lstat(link); err != nil || st.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	st, err := os.Stat(file)
	if err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if b, err := os.ReadFile(file); string(b) != "new" {
		t.Errorf("%q, %v", b, err)
	}
	if err := Replace(filepath.Join(dir, "none.hcl"), nil); err == nil {
		t.Error("a file that is not there was replaced")
	}
	if es, err := os.ReadDir(dir); len(es) != 2 {
		t.Errorf("%v, %v", es, err)
	}
}
