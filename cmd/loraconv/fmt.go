package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/format"
	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/spec"
)

// fmtFlags are fmt's own.
type fmtFlags struct{ check, diff, recursive bool }

func (a *app) fmtCommand() *cobra.Command {
	var f fmtFlags
	c := &cobra.Command{
		Use:   "fmt [PATH…]",
		Short: "Lay specs out in one way: indents, spaces, aligned equal signs",
		Long: `Rewrites specs, files of variables and the rows inside specs in the canonical
layout, and prints the names of the files that it changed. Nothing but spaces
changes. A directory means its *.hcl files; "-" is standard input, and then the
result goes to standard output. JSON is left alone. A file is replaced at once,
whole. Exit codes: 0 done, 10 -check found a difference, 64 a file is no valid
HCL.`,
		Example:           "  loraconv fmt robot.hcl\n  loraconv fmt -check -diff -recursive .",
		ValidArgsFunction: specFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"."}
			}
			return a.fmt(args, f)
		},
	}
	c.Flags().BoolVar(&f.check, "check", false, "write nothing, and exit 10 if a file is laid out otherwise")
	c.Flags().BoolVar(&f.diff, "diff", false, "print what changes, in place of the name")
	c.Flags().BoolVar(&f.recursive, "recursive", false, "also the files below directories")
	return c
}

func (a *app) fmt(args []string, f fmtFlags) error {
	files, err := textsUnder(args, f.recursive)
	if err != nil {
		return err
	}
	out := a.output(false)
	broken, changed := 0, 0
	for _, name := range files {
		was, err := a.readText(name)
		if err != nil {
			return err
		}
		now, file, ds := format.Format(name, was)
		out.Diagnostics(file, ds)
		if ds.HasErrors() {
			broken++
			continue
		}
		if !bytes.Equal(was, now) {
			changed++
		}
		if err := a.formatted(name, was, now, f); err != nil {
			return err
		}
	}
	switch {
	case broken > 0:
		return reported{diag.Usage.ExitCode()}
	case f.check && changed > 0:
		return reported{diag.Measured.ExitCode()}
	}
	return nil
}

// stdin is what "-" is called in messages.
const stdin = "-"

// formatted writes one file and says so, as far as that was asked for.
func (a *app) formatted(name string, was, now []byte, f fmtFlags) error {
	if name == stdin && !f.check && !f.diff {
		_, err := a.stdout.Write(now)
		return err
	}
	if bytes.Equal(was, now) {
		return nil
	}
	if name != stdin && !f.check {
		if err := format.Replace(name, now); err != nil {
			return diag.New(diag.Output, "output-failed", "A file could not be written", "%v", err)
		}
	}
	text := view.Printable(name) + "\n"
	if f.diff {
		text = view.Unified(name, was, now)
	}
	_, err := io.WriteString(a.stdout, text)
	return err
}

func (a *app) readText(name string) ([]byte, error) {
	if name == stdin {
		return io.ReadAll(io.LimitReader(a.stdin, spec.MaxBytes+1))
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, usageError{err}
	}
	defer func() { _ = file.Close() }()
	b, err := io.ReadAll(io.LimitReader(file, spec.MaxBytes+1))
	if err != nil {
		return nil, usageError{err}
	}
	return b, nil
}

// textsUnder lists the files in native syntax that paths mean. Names that begin
// with a dot are passed over in directories.
func textsUnder(args []string, recursive bool) ([]string, error) {
	var out []string
	for _, arg := range args {
		if arg == stdin {
			if len(args) > 1 {
				return nil, usageError{fmt.Errorf("\"-\" is standard input, and stands alone")}
			}
			return []string{stdin}, nil
		}
		st, err := os.Stat(arg)
		if err != nil {
			return nil, usageError{err}
		}
		if !st.IsDir() {
			if !strings.HasSuffix(arg, ".hcl") {
				return nil, usageError{fmt.Errorf("%s does not end in .hcl", view.Printable(arg))}
			}
			out = append(out, arg)
			continue
		}
		if err := filepath.WalkDir(arg, func(p string, d os.DirEntry, err error) error {
			if err != nil || p == arg {
				return err
			}
			switch hidden := strings.HasPrefix(d.Name(), "."); {
			case d.IsDir() && (hidden || !recursive):
				return filepath.SkipDir
			case !hidden && d.Type().IsRegular() && strings.HasSuffix(d.Name(), ".hcl"):
				out = append(out, p)
			}
			return nil
		}); err != nil {
			return nil, usageError{err}
		}
	}
	return out, nil
}
