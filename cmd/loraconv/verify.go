package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/receipt"
)

func (a *app) verifyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "verify DIR",
		Short: "Compare an output with its own manifest: every file, every tensor",
		Long: `Reads every file of an output directory and compares sizes, digests and tensors
with ` + receipt.ManifestName + `. Exit codes: 0 all is as it was published, 10 it is
not, 4 there is nothing to compare with.`,
		Example: "  loraconv verify out/robot",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.verify(c.Context(), args[0], asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

func (a *app) verify(ctx context.Context, dir string, asJSON bool) error {
	r, err := receipt.Verify(ctx, dir)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, receipt.ErrNoManifest):
		return diag.New(diag.Source, "no-manifest", "There is nothing to verify against",
			"%q holds no %s: it is no output of loraconv, or the manifest was removed; loraconv diff compares two directories without one", dir, receipt.ManifestName)
	case err != nil:
		return diag.New(diag.Source, "source-unreadable", "The directory cannot be read", "%v", err)
	}
	if asJSON {
		err = printJSON(a.stdout, r)
	} else {
		err = printVerify(a.stdout, dir, r)
	}
	if err == nil && !r.OK {
		err = reported{diag.Measured.ExitCode()}
	}
	return err
}

// printVerify prints what was found, faults last, so that they are seen.
func printVerify(w io.Writer, dir string, r *receipt.Report) error {
	if r.OK {
		_, err := fmt.Fprintf(w, "%s: %s, %s, %s: all as published\nroot %s\n",
			view.Printable(dir), view.Count(r.Files, "file"), view.Count(r.Tensors, "tensor"), view.Bytes(r.Bytes), r.Root)
		return err
	}
	t := view.Table{Indent: 2}
	for _, f := range r.Findings {
		where := f.File
		if f.Tensor != "" {
			where += ": " + f.Tensor
		}
		t.Row(f.Kind, view.Printable(where), view.Printable(f.Detail))
	}
	_, err := fmt.Fprintf(w, "%s: not as published, %s:\n%s", view.Printable(dir), view.Count(len(r.Findings), "difference"), t.String())
	return err
}
