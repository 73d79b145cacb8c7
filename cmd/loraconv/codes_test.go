package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/cmd/internal/codes"
	"github.com/loraconv/loraconv/core/diag"
)

var codeForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// makers are the functions that make a diagnostic, and which of their
// arguments is its code; classes, those whose first argument is its class.
var (
	makers  = map[string]int{"New": 1, "Errorf": 1, "Warnf": 0, "fail": -1, "disagree": -1, "errorf": 1, "warnf": 1}
	classes = map[string]diag.Class{
		"Other": diag.Other, "Keys": diag.Keys, "Source": diag.Source, "Changed": diag.Changed, "Plugin": diag.Plugin, "Output": diag.Output,
		"Unsynced": diag.Unsynced, "Exists": diag.Exists, "Measured": diag.Measured, "Usage": diag.Usage,
	}
)

// use is a place where the source gives a diagnostic its code.
type use struct {
	code, where string
	exit        int // -1: not to be seen there
}

// codeUses finds codes in the source: constants and variables whose names
// begin with code, fields Code, and arguments of makers.
func codeUses(t *testing.T) (uses []use) {
	t.Helper()
	set := token.NewFileSet()
	for _, top := range []string{"core", "sdk", "plugins", "cmd"} {
		err := filepath.WalkDir("../../"+top, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") || strings.HasSuffix(p, ".pb.go") {
				return err
			}
			f, err := parser.ParseFile(set, p, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				for _, u := range codesOf(n) {
					u.where = set.Position(n.Pos()).String()
					uses = append(uses, u)
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return uses
}

func codesOf(n ast.Node) (out []use) {
	add := func(x ast.Expr, exit int) {
		if s, ok := text(x); ok && codeForm.MatchString(s) {
			out = append(out, use{code: s, exit: exit})
		}
	}
	switch n := n.(type) {
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if named(name.Name) && i < len(n.Values) {
				add(n.Values[i], -1)
			}
		}
	case *ast.AssignStmt:
		for i, l := range n.Lhs {
			if id, ok := l.(*ast.Ident); ok && named(id.Name) && len(n.Lhs) == len(n.Rhs) {
				add(n.Rhs[i], -1)
			}
		}
	case *ast.KeyValueExpr:
		if id, ok := n.Key.(*ast.Ident); ok && id.Name == "Code" {
			add(n.Value, -1)
		}
	case *ast.CallExpr:
		name := ""
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			name = f.Sel.Name
		case *ast.Ident:
			name = f.Name
		}
		at, ok := makers[name]
		if !ok || len(n.Args) == 0 {
			return nil
		}
		exit := -1
		if s, ok := n.Args[0].(*ast.SelectorExpr); ok {
			if c, ok := classes[s.Sel.Name]; ok {
				exit = c.ExitCode()
			}
		}
		if at < 0 { // the code is the first text
			at = 0
			if _, ok := text(n.Args[0]); !ok {
				at = 1
			}
		}
		if name == "Warnf" || name == "warnf" {
			exit = 0
		}
		if at < len(n.Args) {
			add(n.Args[at], exit)
		}
	}
	return out
}

func named(s string) bool {
	return strings.HasPrefix(s, "Code") || s == "code" || strings.HasPrefix(s, "code") && len(s) > 4 && s[4] >= 'A' && s[4] <= 'Z'
}

func text(x ast.Expr) (string, bool) {
	if l, ok := x.(*ast.BasicLit); ok && l.Kind == token.STRING {
		s, err := strconv.Unquote(l.Value)
		return s, err == nil
	}
	return "", false
}

// Every code that the source gives a diagnostic is explained, with the exit
// code that is seen there; and nothing is explained that the source never says.
func TestEveryCodeIsExplained(t *testing.T) {
	used := map[string]bool{}
	for _, u := range codeUses(t) {
		used[u.code] = true
		c := codes.Find(u.code)
		if c == nil {
			t.Errorf("%s: %s is not explained in cmd/internal/codes/codes.hcl", u.where, u.code)
		} else if u.exit >= 0 && !slices.Contains(c.Exit, u.exit) {
			t.Errorf("%s: %s with exit %d, explained with %v", u.where, u.code, u.exit, c.Exit)
		}
	}
	if len(used) < 100 {
		t.Fatalf("only %d codes were found", len(used))
	}
	for _, n := range codes.Names() {
		if !used[n] {
			t.Errorf("%s is explained and never said", n)
		}
	}
}

// explain prints every entry, and suggests a name for one that there is not.
func TestExplainCode(t *testing.T) {
	for _, n := range codes.Names() {
		code, stdout, stderr := loraconv(t, "explain", n)
		if code != 0 || stderr != "" || !strings.HasPrefix(stdout, n+": ") || strings.Count(stdout, "\n\n") != 3 {
			t.Errorf("explain %s: exit %d\n%s%s", n, code, stdout, stderr)
		}
		for line := range strings.Lines(stdout) {
			if len([]rune(line)) > 81 {
				t.Errorf("%s: a line of %d columns", n, len([]rune(line))-1)
			}
		}
	}
	code, stdout, stderr := loraconv(t, "explain", "alpha-unknon")
	if code != 64 || stdout != "" || !strings.Contains(stderr, `did you mean "alpha-unknown"?`) {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
}
