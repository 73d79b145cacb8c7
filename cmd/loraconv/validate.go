package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/diag"
)

// validateFlags are validate's own.
type validateFlags struct {
	syntax    bool
	recursive bool
	strict    bool
	format    string
}

var validateFormats = []string{"text", "json", "sarif", "junit", "github"}

func (a *app) validateCommand() *cobra.Command {
	var (
		f specFlags
		v validateFlags
	)
	c := &cobra.Command{
		Use:   "validate [PATH…]",
		Short: "Check specs without their checkpoints: syntax, names, types, references",
		Long: `Checks specs, or with -recursive every spec below directories, without network
and without opening a checkpoint. A variable without a value is taken as
unknown. Exit codes: 0 all are valid, 64 one is not.`,
		Example:           "  loraconv validate robot.hcl\n  loraconv validate -recursive specs -format sarif > loraconv.sarif",
		ValidArgsFunction: specFiles,
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			o, err := f.options()
			if err != nil {
				return err
			}
			if f.json && v.format == "text" {
				v.format = "json"
			}
			if f.json && v.format != "json" {
				return usageError{fmt.Errorf("-json and -format %s exclude each other", v.format)}
			}
			if !slices.Contains(validateFormats, v.format) {
				return usageError{fmt.Errorf("-format %q: wanted one of %s", v.format, strings.Join(validateFormats, ", "))}
			}
			paths, err := specsUnder(args, v.recursive)
			if err != nil {
				return err
			}
			return a.validate(c, o, paths, v)
		},
	}
	f.register(c)
	f.registerJSON(c)
	c.Flags().BoolVar(&v.syntax, "syntax-only", false, "do not start plugins to check the bodies of source and output blocks")
	c.Flags().BoolVar(&v.recursive, "recursive", false, "look for specs below directories")
	c.Flags().BoolVar(&v.strict, "warnings-as-errors", false, "exit 64 on warnings too")
	c.Flags().StringVar(&v.format, "format", "text", "`form` of what is found: "+strings.Join(validateFormats, ", "))
	completes(c, "format", validateFormats)
	return c
}

// specsUnder lists the specs that paths mean. A directory is one spec, made of
// its *.lc.hcl files. When it is searched, each directory below it with such
// files is one, and so is every other *.hcl or *.hcl.json that holds no values
// of variables; names that begin with a dot are passed over.
func specsUnder(args []string, recursive bool) ([]string, error) {
	var out []string
	for _, arg := range args {
		st, err := os.Stat(arg)
		switch {
		case err != nil:
			return nil, usageError{err}
		case !st.IsDir() || !recursive:
			out = append(out, arg)
			continue
		}
		if err := filepath.WalkDir(arg, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			name := d.Name()
			switch hidden := strings.HasPrefix(name, ".") && p != arg; {
			case hidden && d.IsDir():
				return fs.SkipDir
			case hidden || !d.Type().IsRegular() || strings.HasSuffix(name, ".vars.hcl"):
			case strings.HasSuffix(name, ".lc.hcl"):
				if dir := filepath.Dir(p); !slices.Contains(out, dir) {
					out = append(out, dir)
				}
			case strings.HasSuffix(name, ".hcl"), strings.HasSuffix(name, ".hcl.json"):
				out = append(out, p)
			}
			return nil
		}); err != nil {
			return nil, usageError{err}
		}
	}
	if len(out) == 0 {
		return nil, usageError{fmt.Errorf("no spec (*.hcl, *.hcl.json) under %s", strings.Join(args, ", "))}
	}
	return out, nil
}

func (a *app) validate(c *cobra.Command, o session.Options, paths []string, v validateFlags) error {
	exit := func(t view.Tally) int {
		if t.Invalid > 0 || v.strict && t.Warnings > 0 {
			return diag.Usage.ExitCode()
		}
		return 0
	}
	text := view.NewText(a.stdout, a.stderr)
	o.Observer, o.Log = text, a.logger()
	var out view.Findings = text
	switch v.format {
	case "json":
		events := view.NewEvents(a.stdout, version)
		out, o.Observer = events, events
	case "sarif":
		out = view.NewSARIF(a.stdout, version, exit)
	case "junit":
		out = view.NewJUnit(a.stdout, v.strict)
	case "github":
		out = view.NewGitHub(a.stdout)
	}
	var t view.Tally
	for _, p := range paths {
		s := session.New(o)
		found := view.Checked{Spec: p, Diagnostics: s.Validate(c.Context(), p, v.syntax)}
		s.Close()
		if err := c.Context().Err(); err != nil {
			return err
		}
		found.File = s.File
		t.Count(found)
		out.Checked(found)
	}
	if err := out.Close(t); err != nil {
		return err
	}
	if code := exit(t); code != 0 {
		return reported{code}
	}
	return nil
}
