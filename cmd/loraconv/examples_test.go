package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/plan"
)

var update = flag.Bool("update", false, "write the expected plans anew")

// Every example plans to the lines beside it, runs, and verifies.
func TestExamples(t *testing.T) {
	specs, err := filepath.Glob("../../examples/*/*.hcl")
	if err != nil || len(specs) == 0 {
		t.Fatalf("no example: %v", err)
	}
	for _, name := range specs {
		if _, err := os.Stat(filepath.Join(filepath.Dir(name), "main.go")); err == nil {
			continue // an external plugin, which has a test of its own: plugins_test.go
		}
		t.Run(filepath.Base(filepath.Dir(name)), func(t *testing.T) {
			o, err := (&specFlags{}).options()
			if err != nil {
				t.Fatal(err)
			}
			s := session.New(o)
			defer s.Close()
			cs, ds := s.Load(name, false)
			if ds.HasErrors() {
				t.Fatal(ds)
			}
			var got []byte
			for _, c := range cs {
				p, ds := s.Prepare(context.Background(), c)
				if len(ds) > 0 {
					t.Fatalf("%v %s", ds.Error(), ds[0].Detail)
				}
				b, err := plan.Encode(p.Plan)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, b...)
			}
			golden := filepath.Join(filepath.Dir(name), "expected.plan")
			if *update {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), string(got)); d != "" {
				t.Error(d)
			}
			out := filepath.Join(t.TempDir(), "out")
			for _, args := range [][]string{{"run", name, "-var", "out=" + out}, {"verify", out}} {
				if code, stdout, stderr := loraconv(t, args...); code != 0 {
					t.Errorf("%s: exit %d\n%s%s", args[0], code, stdout, stderr)
				}
			}
		})
	}
}
