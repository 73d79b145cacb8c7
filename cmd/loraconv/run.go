package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/spec"
)

// specFlags are the flags of every command that reads a spec.
type specFlags struct {
	vars     []string
	varFiles []string
	only     []string
	except   []string
	json     bool
}

func (f *specFlags) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&f.vars, "var", nil, "value of a variable, `name=value`; may be repeated")
	c.Flags().StringArrayVar(&f.varFiles, "var-file", nil, "`file` of values; may be repeated")
	c.Flags().StringArrayVar(&f.only, "only", nil, "run only the conversions that match this `glob`; may be repeated")
	c.Flags().StringArrayVar(&f.except, "except", nil, "leave out the conversions that match this `glob`; may be repeated")
}

func (f *specFlags) registerJSON(c *cobra.Command) {
	c.Flags().BoolVar(&f.json, "json", false, "print one JSON object a line")
}

func (f *specFlags) options() (session.Options, error) {
	o := session.Options{Version: version, Bundled: bundled, VarFiles: f.varFiles, Only: f.only, Except: f.except, Vars: map[string]string{}}
	for _, v := range f.vars {
		name, value, ok := strings.Cut(v, "=")
		if !ok || name == "" {
			return o, usageError{fmt.Errorf("-var %q: wanted name=value", v)}
		}
		o.Vars[name] = value
	}
	return o, nil
}

// runFlags are the flags of every command that converts.
type runFlags struct {
	force   bool
	memory  string
	workers int
	given   func(flag string) bool
}

func (f *runFlags) register(c *cobra.Command) {
	c.Flags().BoolVar(&f.force, "force", false, "replace an output that exists")
	f.given = c.Flags().Changed
	c.Flags().StringVar(&f.memory, "memory", "", "peak resident memory of all processes together, such as 512MiB; before the spec's compute block")
	c.Flags().IntVar(&f.workers, "workers", 0, "goroutines that decode and compute; default one for each processor")
}

func (f *runFlags) into(o *session.Options) (err error) {
	o.Force, o.Workers = f.force, f.workers
	if f.given("memory") {
		if o.Memory, err = spec.ParseSize(f.memory); err != nil {
			return usageError{fmt.Errorf("-memory: %w", err)}
		}
		if o.Memory < spec.MinMemory {
			return usageError{fmt.Errorf("-memory %s: at least 128MiB is needed", f.memory)}
		}
	}
	if f.given("workers") && (f.workers < 1 || f.workers > spec.MaxWorkers) {
		return usageError{fmt.Errorf("-workers %d: wanted a whole number from 1 to %d; without -workers there is one for each processor", f.workers, spec.MaxWorkers)}
	}
	// A hook of the tests that kill processes: phase=milliseconds.
	phase, ms, _ := strings.Cut(os.Getenv("LORACONV_TEST_SLOW"), "=")
	o.SlowPhase = phase
	o.SlowMillis, _ = strconv.Atoi(ms)
	return nil
}

func (a *app) runCommand() *cobra.Command {
	var (
		f specFlags
		r runFlags
	)
	c := &cobra.Command{
		Use:               "run [SPEC|DIR|PLANFILE]",
		Short:             "Convert, and publish the outputs complete or not at all",
		Example:           "  loraconv run robot.hcl\n  loraconv run robot.hcl -var checkpoint=checkpoints/pi0/exp/29999",
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: specFiles,
		RunE: func(c *cobra.Command, args []string) error {
			o, err := f.options()
			if err != nil {
				return err
			}
			if err := r.into(&o); err != nil {
				return err
			}
			return a.run(c.Context(), o, target(args), f.json)
		},
	}
	f.register(c)
	f.registerJSON(c)
	r.register(c)
	return c
}

// target is the spec that a command without an argument means.
func target(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

// run converts one spec or plan file, one conversion after the other.
func (a *app) run(ctx context.Context, o session.Options, path string, asJSON bool) error {
	ctx, done := a.whileHeard(ctx, asJSON)
	defer done()
	out := a.output(asJSON)
	o.Observer = out
	o.Log = a.logger()
	s := session.New(o)
	defer s.Close()
	if o.Text == nil && session.IsPlanFile(path) {
		if len(o.Vars)+len(o.VarFiles) > 0 {
			return usageError{fmt.Errorf("-var and -var-file: the values stand in a plan file already; plan again to change them")}
		}
		ps, ds := s.LoadPlanFile(ctx, path)
		if err := out.settle(ctx, s.File, ds); err != nil {
			return err
		}
		for _, p := range ps {
			if err := a.runOne(ctx, s, out, p); err != nil {
				return err
			}
		}
		return nil
	}
	cs, ds := s.Load(path, false)
	if err := out.diagnose(s.File, ds); err != nil {
		return err
	}
	for _, c := range cs {
		p, ds := s.Prepare(ctx, c)
		if err := out.settle(ctx, s.File, ds); err != nil {
			return err
		}
		if err := a.runOne(ctx, s, out, p); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) runOne(ctx context.Context, s *session.Session, out *output, p *session.Prepared) error {
	if _, err := s.Run(ctx, p); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return out.fail(s.File, err)
	}
	a.published = true
	return nil
}

// asList makes an error a list of diagnostics.
func asList(err error) diag.List {
	var ds diag.List
	session.Collect(err, &ds)
	return ds
}
