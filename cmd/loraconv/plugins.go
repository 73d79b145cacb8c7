package main

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/sdk"
)

func (a *app) pluginsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "plugins",
		Short: "Show the plugins of this machine, what they take, and their rows; pin platforms",
		Example: `  loraconv plugins installed
  loraconv plugins schema openpi
  loraconv plugins rules maxtext`,
		Args:                       noCommand,
		SuggestionsMinimumDistance: 2,
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(a.pluginsInstalledCommand(), a.pluginsSchemaCommand(), a.pluginsRulesCommand(), a.pluginsLockCommand(), a.pluginsMirrorCommand())
	return c
}

func (a *app) pluginsInstalledCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "installed [SPEC|DIR]",
		Short: "List what is bundled and installed, and whether it is pinned",
		Long: `Lists the bundled plugins and the executables in the places where external ones
may lie, of any platform, and how each stands to the lock file beside the spec
(or in the directory; default this one): locked, changed (other bytes are
pinned), unlocked, or exposed (somebody else could change it). Starts nothing.`,
		Example: "  loraconv plugins installed\n  loraconv plugins installed robot.hcl -json",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.pluginsInstalled(c.Context(), target(args), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

func (a *app) pluginsInstalled(ctx context.Context, path string, asJSON bool) error {
	dir, err := session.LockDir(path)
	if err != nil {
		return usageError{err}
	}
	s := session.New(session.Options{Version: version, Bundled: bundled})
	defer s.Close()
	cat, ds := s.Catalog(ctx, dir)
	if err := a.output(false).diagnose(nil, ds); err != nil {
		return err
	}
	if asJSON {
		return printJSON(a.stdout, cat)
	}
	for _, p := range cat.Plugins {
		fmt.Fprintf(a.stdout, "%s %s  %s\n", p.Name, p.Version, p.State)
		t := view.Table{Indent: 2}
		t.Row("source", p.Source)
		t.Row("path", view.Printable(p.Path))
		t.Row("platform", p.Platform)
		if p.SHA256 != "" {
			t.Row("sha256", p.SHA256)
		}
		if p.Fault != "" {
			t.Row("fault", view.Printable(p.Fault))
		}
		fmt.Fprint(a.stdout, t.String())
	}
	fmt.Fprintf(a.stdout, "\nExternal plugins are looked for below\n")
	for _, p := range cat.Places {
		fmt.Fprintf(a.stdout, "  %s\n", view.Printable(p))
	}
	return nil
}

// about starts a plugin. A spec is needed only for one that is not bundled.
func (a *app) about(ctx context.Context, name, path string) (*sdk.DescribeResponse, error) {
	out := a.output(false)
	s := session.New(session.Options{Version: version, Bundled: bundled, Observer: out, Log: a.logger()})
	defer s.Close()
	if _, ok := bundled[name]; !ok && path == "" {
		if here, _ := filepath.Glob("*.lc.hcl"); len(here) > 0 {
			path = "."
		}
	}
	d, ds := s.About(ctx, name, path)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return d, out.diagnose(s.File, ds)
}

const specUsage = "the `spec` or directory that requires the plugin; default the one in this directory; not needed for a bundled plugin"

func (a *app) pluginsRulesCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "rules NAME [TABLE]",
		Short: "Print a plugin's built-in rows in the rule notation",
		Long: `Prints a plugin's table of rows, as the lora { rule … } blocks of a spec write
them. Of a plugin with several tables the names are listed; name one to see it.`,
		Example: "  loraconv plugins rules openpi\n  loraconv plugins rules maxtext llama",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.pluginsRules(c.Context(), args[0], args[1:], path)
		},
	}
	c.Flags().StringVar(&path, "spec", "", specUsage)
	return c
}

func (a *app) pluginsRules(ctx context.Context, name string, table []string, path string) error {
	d, err := a.about(ctx, name, path)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(d.Rules))
	switch {
	case len(table) == 0 && len(names) == 1:
		table = names
	case len(table) == 0:
		for _, n := range names {
			fmt.Fprintln(a.stdout, view.Printable(n))
		}
		return nil
	}
	text, ok := d.Rules[table[0]]
	if !ok {
		hint := ""
		if s := manifest.Suggest(table[0], names); s != "" {
			hint = fmt.Sprintf("; did you mean %q?", s)
		}
		return usageError{fmt.Errorf("plugin %q has no table %q%s (it has %s)", name, table[0], hint, strings.Join(names, ", "))}
	}
	fmt.Fprint(a.stdout, text)
	if !strings.HasSuffix(text, "\n") {
		fmt.Fprintln(a.stdout)
	}
	return nil
}

func (a *app) pluginsLockCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "lock SOURCE PLATFORM=FILE…",
		Short: "Pin a plugin's executables for other platforms",
		Long: `Adds to the plugin's entry in the lock file the SHA-256 of its executables for
other platforms, so that a lock file that was made on one machine serves all.
FILE is the executable of the release that is pinned, which is read and not run,
or sha256:DIGEST as the release publishes it. Bytes that are pinned already are
never replaced.`,
		Example: "  loraconv plugins lock example.com/lab/pocket \\\n    linux_arm64=dist/loraconv-plugin-pocket darwin_arm64=sha256:9f2c…",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.pluginsLock(args[0], args[1:], path)
		},
	}
	c.Flags().StringVar(&path, "spec", ".", "the `spec` or directory that the lock file stands beside or in")
	return c
}

func (a *app) pluginsLock(source string, pairs []string, path string) error {
	dir, err := session.LockDir(path)
	if err != nil {
		return usageError{err}
	}
	files := map[string]string{}
	for _, p := range pairs {
		platform, file, ok := strings.Cut(p, "=")
		if _, twice := files[platform]; !ok || file == "" || twice {
			return usageError{fmt.Errorf("%q: wanted PLATFORM=FILE, each platform once", p)}
		}
		files[platform] = file
	}
	e, added, ds := session.LockPlatforms(dir, source, files)
	if err := a.output(false).diagnose(nil, ds); err != nil {
		return err
	}
	what := "nothing to add"
	if len(added) > 0 {
		what = "added " + strings.Join(added, ", ")
	}
	fmt.Fprintf(a.stdout, "%s %s: %s; pinned for %s\n", e.Source, e.Version, what, strings.Join(e.Platforms(), ", "))
	return nil
}

func (a *app) pluginsMirrorCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "mirror DIR",
		Short: "Copy what a lock file pins, to carry it to other machines",
		Long: `Copies the executables that the lock file pins and that are installed here, of
any platform, to the layout of the places below DIR. Another machine finds them
with LORACONV_PLUGINS_DIR=DIR, or after DIR was copied to one of its places.
Each copy has the pinned bytes, or is not made.`,
		Example: "  loraconv plugins mirror /media/usb/plugins -spec robot.hcl",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			return a.pluginsMirror(args[0], path)
		},
	}
	c.Flags().StringVar(&path, "spec", ".", "the `spec` or directory that the lock file stands beside or in")
	return c
}

func (a *app) pluginsMirror(to, path string) error {
	dir, err := session.LockDir(path)
	if err != nil {
		return usageError{err}
	}
	s := session.New(session.Options{Version: version, Bundled: bundled})
	defer s.Close()
	copies, ds := s.Mirror(dir, to)
	for _, m := range copies {
		where := view.Printable(m.Path)
		if m.Path == "" {
			where = "not copied"
		}
		fmt.Fprintf(a.stdout, "%s %s %s: %s\n", m.Source, m.Version, m.Platform, where)
	}
	return a.output(false).diagnose(nil, ds)
}
