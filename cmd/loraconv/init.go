package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/lock"
)

// initFlags are init's own.
type initFlags struct {
	check, upgrade, json bool
}

func (a *app) initCommand() *cobra.Command {
	var i initFlags
	c := &cobra.Command{
		Use:   "init [SPEC|DIR]",
		Short: "Pin the external plugins that a spec requires, in " + lock.Name,
		Long: `Resolves required_plugins against the plugins that are installed on this
machine, starts each that is pinned anew, and writes ` + lock.Name + `
beside the spec: the SHA-256 of each executable, by platform. Review the file
and commit it. An external plugin runs only if it is pinned there. What is
pinned is kept as long as the spec accepts it; -upgrade takes the newest that is
installed. Nothing is downloaded. Bundled plugins need no entry.

With -check nothing is started or written: exit 0 if the lock file pins what the
spec requires for this platform, 10 if it does not, 6 if what is installed is
not what is pinned.`,
		Example: "  loraconv init robot.hcl\n  loraconv init -check",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if i.check && i.upgrade {
				return usageError{fmt.Errorf("-check and -upgrade exclude each other")}
			}
			return a.init(c.Context(), target(args), i)
		},
	}
	c.Flags().BoolVar(&i.check, "check", false, "only say whether the lock file is up to date")
	c.Flags().BoolVar(&i.upgrade, "upgrade", false, "pin the newest installed versions that the spec accepts")
	c.Flags().BoolVar(&i.json, "json", false, "print one JSON object")
	return c
}

// initReport is what init prints with -json.
type initReport struct {
	Plugins []session.Pin `json:"plugins"`
	Written string        `json:"written,omitempty"` // the lock file, if it was written
}

func (a *app) init(ctx context.Context, path string, i initFlags) error {
	out := a.output(false)
	s := session.New(session.Options{Version: version, Bundled: bundled, Observer: out, Log: a.logger()})
	defer s.Close()
	r := initReport{Plugins: []session.Pin{}}
	var (
		pins []session.Pin
		ds   diag.List
	)
	if i.check {
		pins, ds = s.CheckLock(ctx, path)
	} else {
		pins, r.Written, ds = s.Init(ctx, path, i.upgrade)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := out.diagnose(s.File, ds); err != nil {
		return err
	}
	r.Plugins = append(r.Plugins, pins...)
	if i.json {
		return printJSON(a.stdout, r)
	}
	printPins(a.stdout, &r)
	return nil
}

func printPins(w io.Writer, r *initReport) {
	if len(r.Plugins) == 0 {
		fmt.Fprintln(w, "the spec requires no plugin: nothing to pin")
		return
	}
	words := map[string]string{"kept": "pinned already", "added": "pinned", "platform": "pinned for this platform, too"}
	for _, p := range r.Plugins {
		if p.State == "bundled" {
			fmt.Fprintf(w, "%s: bundled, needs no entry\n", p.Name)
			continue
		}
		what := words[p.State]
		if p.State == "upgraded" {
			what = "pinned in place of " + p.Was
		}
		fmt.Fprintf(w, "%s: %s %s %s, for %s\n", p.Name, p.Source, p.Version, what, strings.Join(p.Platforms, ", "))
		if len(p.Dropped) > 0 {
			fmt.Fprintf(w, "  no longer pinned for %s: add them with loraconv plugins lock\n", strings.Join(p.Dropped, ", "))
		}
		if p.Path == "" {
			fmt.Fprintf(w, "  it is not installed on this machine\n")
		} else {
			fmt.Fprintf(w, "  %s\n", view.Printable(p.Path))
		}
	}
	if r.Written != "" {
		fmt.Fprintf(w, "wrote %s: review it and commit it\n", view.Printable(r.Written))
	}
}
