package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/sdk"
)

// versionInfo is what version prints.
type versionInfo struct {
	Version  string          `json:"version"`
	Go       string          `json:"go"`
	Platform string          `json:"platform"`
	Revision string          `json:"revision,omitempty"` // of the source, where the build recorded it
	Modified bool            `json:"modified,omitempty"` // the source differed from that revision
	Plan     int             `json:"plan"`               // version of the plan encoding
	Plugins  []bundledPlugin `json:"plugins"`
}

// bundledPlugin is a plugin that is part of this executable.
type bundledPlugin struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Print the version of loraconv, of its plans and of the bundled plugins",
		Example: "  loraconv version -json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v, err := readVersion(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(a.stdout, v)
			}
			v.print(a.stdout)
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

func readVersion(ctx context.Context) (*versionInfo, error) {
	v := &versionInfo{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH, Plan: plan.Version}
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			switch s.Key {
			case "vcs.revision":
				v.Revision = s.Value
			case "vcs.modified":
				v.Modified = s.Value == "true"
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(bundled)) {
		d, err := bundled[name].Describe(ctx, sdk.DescribeRequest{HostVersion: version})
		if err != nil {
			return nil, fmt.Errorf("bundled plugin %q: %w", name, err)
		}
		v.Plugins = append(v.Plugins, bundledPlugin{name, d.Version})
	}
	return v, nil
}

func (v *versionInfo) print(w io.Writer) {
	fmt.Fprintf(w, "loraconv %s\n", v.Version)
	if v.Revision != "" {
		modified := ""
		if v.Modified {
			modified = ", modified"
		}
		fmt.Fprintf(w, "  revision  %s%s\n", v.Revision, modified)
	}
	fmt.Fprintf(w, "  built     %s, %s\n  plan      version %d\n", v.Go, v.Platform, v.Plan)
	for _, p := range v.Plugins {
		fmt.Fprintf(w, "  plugin    %s %s (bundled)\n", p.Name, p.Version)
	}
}

// printJSON prints one object on one line, and nothing else.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
