package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		stop()
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// errGate says that a bound is broken. The report has told which.
var errGate = errors.New("a bound is broken")

// options are the flags.
type options struct {
	dir      string
	rounds   int
	small    bool
	keep     bool
	loraconv string
	zstd     string
	only     *regexp.Regexp
}

func parse(args []string, out io.Writer) (*options, error) {
	o := &options{}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(out)
	fs.StringVar(&o.dir, "dir", "", "make the checkpoints here and leave them for the next time; default a temporary directory (about 40 GB)")
	fs.IntVar(&o.rounds, "rounds", 3, "how often everything is run")
	fs.BoolVar(&o.small, "small", false, "a few megabytes, to see whether all works; times mean nothing")
	fs.BoolVar(&o.keep, "keep", false, "leave the temporary directory")
	fs.StringVar(&o.loraconv, "loraconv", filepath.Join("bin", "loraconv"), "the `program` that is measured")
	fs.StringVar(&o.zstd, "zstd", "zstd", "the `program` that it is measured against")
	only := fs.String("only", "", "run only the cases that match this `pattern`, such as \"array bfloat16 1GiB\"")
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	if fs.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %q", fs.Arg(0))
	}
	if o.rounds < 1 {
		return nil, fmt.Errorf("-rounds %d: wanted at least 1", o.rounds)
	}
	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return nil, fmt.Errorf("-only: %w", err)
	}
	return o, nil
}

func run(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	if o.loraconv, err = filepath.Abs(o.loraconv); err != nil {
		return err
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "loraconv-bench-"); err != nil {
			return err
		}
		if !o.keep {
			defer func() { _ = os.RemoveAll(o.dir) }()
		}
	}
	b := &bench{options: o, out: out}
	if err := b.prepare(ctx); err != nil {
		return err
	}
	for _, c := range b.checkpoints {
		for round := range o.rounds {
			if err := b.round(ctx, c, round); err != nil {
				return err
			}
		}
	}
	if !b.report() {
		return errGate
	}
	return nil
}
