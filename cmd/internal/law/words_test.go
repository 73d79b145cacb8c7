package law

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Frameworks, model families and their parameters are plugins' business: no
// code of core or sdk may name one. Comments may, as examples, and tests may.
var frameworkWords = regexp.MustCompile(`(?i)openpi|maxtext|gemma|llama|qwen|mixtral|mistral|deepseek|gpt.?oss|olmo|siglip|\brope\b|expert|attn|\bmlp\b|q_proj|kernel_lora|embed_tokens|lm_head`)

// exceptions are the words that stand in core or sdk, and why.
var exceptions = map[string]string{
	"maxText": "a limit on text, in bytes",
}

func TestCoreNamesNoFramework(t *testing.T) {
	seen := map[string]bool{}
	files := 0
	for _, top := range []string{"core", "sdk"} {
		err := filepath.WalkDir("../../../"+top, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
				return err
			}
			files++
			src, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			set := token.NewFileSet()
			f := set.AddFile(p, set.Base(), len(src))
			var s scanner.Scanner
			s.Init(f, src, nil, 0) // comments are left out
			for {
				pos, tok, lit := s.Scan()
				if tok == token.EOF {
					return nil
				}
				if (tok != token.IDENT && tok != token.STRING && tok != token.CHAR) || !frameworkWords.MatchString(lit) {
					continue
				}
				if _, ok := exceptions[lit]; ok {
					seen[lit] = true
					continue
				}
				t.Errorf("%s: %s names a framework's thing", set.Position(pos), lit)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Fatalf("only %d files were read", files)
	}
	for e := range exceptions {
		if !seen[e] {
			t.Errorf("exception %q is not needed any more", e)
		}
	}
}
