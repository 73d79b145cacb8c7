package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/compare"
	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/diag"
)

func (a *app) diffCommand() *cobra.Command {
	var (
		o      compare.Options
		asJSON bool
	)
	c := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two checkpoints, tensor by tensor and bit by bit",
		Long: `Compares names, element types, shapes and values of two checkpoints of any
readable format: directories or .safetensors files. Values are equal when their
bits are; with -atol or -rtol when |a-b| <= atol + rtol*|b|, and then float
tensors may differ in their element types. Metadata and side files are not
compared. Exit codes: 0 equal, 10 not equal, 4 one cannot be read.`,
		Example: "  loraconv diff out/robot out/robot-before\n  loraconv diff a.safetensors b.safetensors -rtol 1e-2 -json",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if !(o.ATol >= 0) || !(o.RTol >= 0) {
				return usageError{fmt.Errorf("-atol %v, -rtol %v: wanted numbers that are not negative", o.ATol, o.RTol)}
			}
			return a.diff(c.Context(), args[0], args[1], o, asJSON)
		},
	}
	c.Flags().Float64Var(&o.ATol, "atol", 0, "largest absolute difference of equal values")
	c.Flags().Float64Var(&o.RTol, "rtol", 0, "largest difference of equal values, as a part of B's")
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

func (a *app) diff(ctx context.Context, pathA, pathB string, o compare.Options, asJSON bool) error {
	live := view.NewLive(a.stderr)
	o.Progress = func(done, all int64) {
		live.Show(func() string { return fmt.Sprintf("compared %s of %s", view.Bytes(done), view.Bytes(all)) })
	}
	r, err := compare.Compare(ctx, pathA, pathB, o)
	live.Clear()
	switch {
	case errors.Is(err, compare.ErrTrees) && ctx.Err() == nil:
		return usageError{err}
	case err != nil:
		return readFault(ctx, err)
	case asJSON:
		err = printJSON(a.stdout, r)
	default:
		err = view.Diff(a.stdout, r)
	}
	if err == nil && !r.Equal {
		err = reported{diag.Measured.ExitCode()}
	}
	return err
}
