package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/plugins/maxtext"
	"github.com/loraconv/loraconv/plugins/openpi"
	"github.com/loraconv/loraconv/sdk"
)

// version is the release; -ldflags may set it.
var version = "0.1.0-dev"

// bundled holds the plugins that are part of this executable: the host starts
// its own binary for them.
var bundled = map[string]sdk.Converter{
	"maxtext": maxtext.Converter{},
	"openpi":  openpi.Converter{},
}

func main() {
	if servesPlugin(os.Args) {
		os.Exit(servePlugin(os.Args))
	}
	os.Exit(doMain(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// doMain runs one command and returns the exit code.
func doMain(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop, interrupted := withSignals(context.Background())
	defer stop()
	app := &app{stdin: stdin, stdout: &results{w: stdout}, stderr: stderr}
	root := app.command()
	root.SetArgs(longFlags(args))
	root.SetOut(app.stdout)
	root.SetErr(stderr)
	c, err := root.ExecuteContextC(ctx)
	if sig := interrupted(); sig != nil && err != nil {
		class, word := signalClass(sig)
		fmt.Fprintln(stderr, word)
		return class.ExitCode()
	}
	code := 0
	var usage usageError
	switch {
	case errors.As(err, &usage):
		code = app.misused(c, usage)
	case err != nil:
		code = app.report(err)
	}
	return app.mute(code)
}

// signalClass is how a signal ends a command, and the word for it.
func signalClass(sig os.Signal) (diag.Class, string) {
	if sig != os.Interrupt {
		return diag.Terminate, "terminated"
	}
	return diag.Interrupt, "interrupted"
}

// app is what every command shares.
type app struct {
	stdin     io.Reader
	stdout    *results
	stderr    io.Writer
	dir       string // -C
	published bool   // an output is at its place
}

// usageError is a fault in how the command was called.
type usageError struct{ error }

// reported is an error whose text the user has seen.
type reported struct{ code int }

func (r reported) Error() string { return fmt.Sprintf("exit %d", r.code) }

// report prints an error that no command has printed, and returns its code.
func (a *app) report(err error) int {
	var done reported
	if errors.As(err, &done) {
		return done.code
	}
	ds := asList(err)
	if d := a.muteFault(err); d != nil {
		ds = diag.List{d}
	}
	a.output(false).Diagnostics(nil, ds)
	return ds.Class().ExitCode()
}

// misused says what is wrong with a call, and where to read on.
func (a *app) misused(c *cobra.Command, err error) int {
	next := `Run "loraconv help" to see the commands.`
	if c != nil && c.HasParent() {
		next = fmt.Sprintf("Run \"%s -h\" to see what it takes.", c.CommandPath())
	}
	fmt.Fprintf(a.stderr, "Error: %s\n%s\n", view.Printable(err.Error()), next)
	return diag.Usage.ExitCode()
}

// noCommand refuses arguments that name no command, with the one that may be
// meant.
func noCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if names := root.SuggestionsFor(args[0]); len(names) > 0 {
		hint = fmt.Sprintf("; did you mean %q?", names[0])
	}
	return fmt.Errorf("unknown command %q%s", args[0], hint)
}

func (a *app) command() *cobra.Command {
	root := &cobra.Command{
		Use:   "loraconv",
		Short: "Convert LoRA fine-tunes of robot policies and language models",
		Long: `loraconv merges LoRA fine-tunes into weights that other runtimes load, and
proves that nothing was dropped, guessed or rounded without a word.

Exit codes: 0 done, 3 keys do not add up, 4 bad source, 5 source changed,
6 plugin failed, 7 output failed, 8 published but not durable, 9 output exists,
10 a measurement failed, 64 usage or spec, 130/143 interrupted.`,
		SilenceErrors:              true,
		SuggestionsMinimumDistance: 2,
		SilenceUsage:               true,
		Args:                       noCommand,
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
		PersistentPreRunE: func(*cobra.Command, []string) error {
			if a.dir == "" {
				return nil
			}
			if err := os.Chdir(a.dir); err != nil {
				return usageError{fmt.Errorf("-C: %w", err)}
			}
			return nil
		},
	}
	root.PersistentFlags().StringVarP(&a.dir, "chdir", "C", "", "change to this directory first")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{flagFault(err)} })
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages ", ".FlagUsagesWrapped 80 "))
	root.CompletionOptions.DisableDefaultCmd = true
	root.AddCommand(
		a.runCommand(), a.mergeCommand(), a.planCommand(), a.validateCommand(), a.fmtCommand(),
		a.inspectCommand(), a.explainCommand(), a.diffCommand(), a.verifyCommand(), a.initCommand(),
		a.pluginsCommand(), a.schemaCommand(), a.completionCommand(), a.versionCommand(),
	)
	usage(root)
	return root
}

// flagFault takes the words of the standard library out of a flag's fault.
func flagFault(err error) error {
	if text, _, ok := strings.Cut(err.Error(), ": strconv."); ok {
		return errors.New(text + ": wanted a number")
	}
	return err
}

// usage turns wrong arguments into usage errors, for every command.
func usage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			switch {
			case err == nil:
				return nil
			case !c.HasSubCommands():
				_, takes, _ := strings.Cut(c.Use, " ")
				err = fmt.Errorf("%s takes %s, found %s", c.Name(), cmp.Or(takes, "no arguments"), view.Count(len(args), "argument"))
			}
			return usageError{err}
		}
	}
	for _, sub := range c.Commands() {
		usage(sub)
	}
}

var singleDash = regexp.MustCompile(`^-[A-Za-z][A-Za-z0-9-]+(=|$)`)

// longFlags lets one dash do for two: -memory is --memory.
func longFlags(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if a == "--" {
			copy(out[i:], args[i:])
			return out
		}
		switch {
		case a == "--C" || strings.HasPrefix(a, "--C="):
			a = a[1:] // a flag of one letter
		case singleDash.MatchString(a):
			a = "-" + a
		}
		out[i] = a
	}
	return out
}

// withSignals cancels the context at the first SIGINT or SIGTERM, or SIGHUP of
// a terminal that is closed, unless nohup had that ignored; a second one ends
// the process at once.
func withSignals(parent context.Context) (ctx context.Context, stop func(), which func() os.Signal) {
	ctx, cancel := context.WithCancelCause(parent)
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(c, syscall.SIGHUP)
	}
	go func() {
		for sig := range c {
			if context.Cause(ctx) != nil {
				class, _ := signalClass(sig)
				os.Exit(class.ExitCode())
			}
			cancel(signalled{sig})
		}
	}()
	return ctx, func() { signal.Stop(c); close(c); cancel(nil) }, func() os.Signal {
		var s signalled
		if errors.As(context.Cause(ctx), &s) {
			return s.Signal
		}
		return nil
	}
}

type signalled struct{ os.Signal }

func (s signalled) Error() string { return s.String() }
