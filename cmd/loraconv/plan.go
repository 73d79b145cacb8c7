package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/cmd/internal/worker"
	"github.com/loraconv/loraconv/core/atomicfile"
	"github.com/loraconv/loraconv/core/diag"
)

func (a *app) planCommand() *cobra.Command {
	var (
		f   specFlags
		out string
	)
	c := &cobra.Command{
		Use:               "plan [SPEC|DIR]",
		Short:             "Say what would be computed, and prove that nothing is lost; reads no weights",
		Example:           "  loraconv plan robot.hcl\n  loraconv plan robot.hcl -out robot.plan && loraconv run robot.plan",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: specFiles,
		RunE: func(c *cobra.Command, args []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			return a.plan(c.Context(), o, target(args), out, f.json)
		},
	}
	f.register(c)
	f.registerJSON(c)
	c.Flags().StringVar(&out, "out", "", "write a plan `file`, which \"loraconv run\" takes; it holds sensitive values, too")
	return c
}

func (a *app) plan(ctx context.Context, o session.Options, path, file string, asJSON bool) error {
	out := a.output(asJSON)
	o.Observer, o.Log = out, a.logger()
	if session.IsPlanFile(path) {
		return diag.New(diag.Usage, "plan-file", "A plan file is planned already", "%s was written by loraconv plan; compute it with loraconv run %s", view.Printable(path), view.Printable(path))
	}
	s := session.New(o)
	defer s.Close()
	cs, ds := s.Load(path, false)
	if err := out.diagnose(s.File, ds); err != nil {
		return err
	}
	var ps []*session.Prepared
	for _, c := range cs {
		p, ds := s.Prepare(ctx, c)
		if err := out.settle(ctx, s.File, ds); err != nil {
			return err
		}
		ps = append(ps, p)
		needs, err := worker.Estimate(ctx, p.Plan, s.Request(p))
		if err != nil {
			return out.fail(s.File, err)
		}
		if err := out.Plan(p, needs); err != nil {
			return err
		}
	}
	if file == "" {
		return nil
	}
	b, err := session.WritePlanFile(ps)
	if err != nil {
		return err
	}
	mode := os.FileMode(0o644)
	for _, v := range s.File.Variables {
		if v.Sensitive {
			mode = 0o600 // paths stand in it as they are
		}
	}
	if err := atomicfile.Replace(file, b, mode); err != nil {
		return diag.New(diag.Output, "output-failed", "The plan file could not be written", "%v", err)
	}
	fmt.Fprintf(a.stderr, "wrote %s\n", view.Printable(file))
	return nil
}
