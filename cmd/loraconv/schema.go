package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/language"
	"github.com/loraconv/loraconv/sdk"
)

// schemas describe what commands print with -json, plan files and the records
// in outputs. They are published: a change that is no addition needs a new
// version.
//
//go:embed schemas/*.v1.json
var schemas embed.FS

// schemaNames are the schemas that the command prints; "spec" is made from the
// language and the plugins.
func schemaNames() []string {
	names := []string{"spec"}
	entries, err := schemas.ReadDir("schemas")
	if err != nil {
		panic(err) // it is part of the executable
	}
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".v1.json"))
	}
	return names
}

func (a *app) schemaCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "schema [NAME]",
		Short: "Print the JSON schema of specs, of what -json prints, or of a file",
		Long: `Prints a JSON schema. "spec", the default, is that of specs in their JSON form
(*.hcl.json), with the blocks of the bundled plugins: editors complete and check
by it. "events" is that of the stream that run, plan and validate print with
-json, one object a line; "inspect", "diff", "verify", "version", "init",
"plugins" (of plugins installed) and "plugin" (of plugins schema) are those of
the objects that these commands print. "planfile" is that of plan -out, "plan"
that of the lines of a plan, and "manifest" and "provenance" are those of the
records in outputs.`,
		Example:   "  loraconv schema -json > loraconv.schema.json\n  loraconv schema events",
		Args:      cobra.MaximumNArgs(1),
		ValidArgs: schemaNames(),
		RunE: func(c *cobra.Command, args []string) error {
			name := "spec"
			if len(args) > 0 {
				name = args[0]
			}
			switch {
			case !slices.Contains(schemaNames(), name):
				return usageError{fmt.Errorf("schema %q: wanted one of %s", name, strings.Join(schemaNames(), ", "))}
			case name == "spec":
				return a.specSchema(c)
			}
			b, err := schemas.ReadFile("schemas/" + name + ".v1.json")
			if err == nil {
				_, err = a.stdout.Write(b)
			}
			return err
		},
	}
	c.Flags().Bool("json", true, "the only form there is")
	return c
}

func (a *app) specSchema(c *cobra.Command) error {
	plugins := map[string]*sdk.DescribeResponse{}
	for name, b := range bundled {
		d, err := b.Describe(c.Context(), sdk.DescribeRequest{HostVersion: version})
		if err != nil {
			return fmt.Errorf("bundled plugin %q: %w", name, err)
		}
		plugins[name] = d
	}
	e := json.NewEncoder(a.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(language.JSONSchema(plugins))
}
