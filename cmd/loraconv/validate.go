package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/diag"
)

func (a *app) validateCommand() *cobra.Command {
	var (
		f         specFlags
		syntax    bool
		recursive bool
		strict    bool
	)
	c := &cobra.Command{
		Use:     "validate [PATH…]",
		Short:   "Check specs without their checkpoints: syntax, names, types, references",
		Example: "  loraconv validate robot.hcl\n  loraconv validate -recursive specs",
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			o, err := f.options()
			if err != nil {
				return err
			}
			var paths []string
			for _, p := range args {
				found, err := specsUnder(p, recursive)
				if err != nil {
					return usageError{err}
				}
				paths = append(paths, found...)
			}
			if len(paths) == 0 {
				return usageError{fmt.Errorf("no spec (*.hcl) under %s", strings.Join(args, ", "))}
			}
			return a.validate(c, o, paths, syntax, strict, f.json)
		},
	}
	f.register(c)
	c.Flags().BoolVar(&syntax, "syntax-only", false, "do not start plugins to check the bodies of source and output blocks")
	c.Flags().BoolVar(&recursive, "recursive", false, "look for *.hcl files below directories")
	c.Flags().BoolVar(&strict, "warnings-as-errors", false, "exit 64 on warnings too")
	return c
}

// specsUnder lists the specs that a path means. A directory is one spec, made
// of its *.lc.hcl files, unless it is searched.
func specsUnder(path string, recursive bool) ([]string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.IsDir() || !recursive {
		return []string{path}, nil
	}
	var out []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != path && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		name := d.Name()
		if d.Type().IsRegular() && (strings.HasSuffix(name, ".hcl") || strings.HasSuffix(name, ".hcl.json")) && !strings.HasSuffix(name, ".vars.hcl") && !strings.HasPrefix(name, ".") {
			out = append(out, p)
		}
		return nil
	})
	return out, err
}

func (a *app) validate(c *cobra.Command, o session.Options, paths []string, syntax, strict, asJSON bool) error {
	out := a.output(asJSON)
	o.Observer, o.Log = out, a.logger()
	bad, warned := 0, 0
	for _, p := range paths {
		s := session.New(o)
		ds := s.Validate(c.Context(), p, syntax)
		s.Close()
		if out.diagnose(s.File, ds) != nil {
			bad++
			continue
		}
		warned += len(ds)
	}
	switch {
	case bad > 0:
		fmt.Fprintf(a.stderr, "%d of %d specs are invalid\n", bad, len(paths))
		return reported{diag.Usage.ExitCode()}
	case strict && warned > 0:
		fmt.Fprintf(a.stderr, "%d warnings\n", warned)
		return reported{diag.Usage.ExitCode()}
	}
	if !asJSON {
		fmt.Fprintf(a.stdout, "%d spec%s valid\n", len(paths), map[bool]string{true: " is", false: "s are"}[len(paths) == 1])
	}
	return nil
}
