package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/sdk"
)

func (a *app) pluginsSchemaCommand() *cobra.Command {
	var (
		path   string
		asJSON bool
	)
	c := &cobra.Command{
		Use:     "schema NAME",
		Short:   "Print what a plugin's source and output blocks take",
		Example: "  loraconv plugins schema openpi\n  loraconv plugins schema pocket -spec model.hcl -json",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.pluginsSchema(c.Context(), args[0], path, asJSON)
		},
	}
	c.Flags().StringVar(&path, "spec", "", specUsage)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return c
}

// pluginSchema is what schema prints with -json: sdk.DescribeResponse with the
// names of its tables.
type pluginSchema struct {
	Name    string                `json:"name"`
	Version string                `json:"version"`
	Source  sdk.Schema            `json:"source"`
	Outputs map[string]sdk.Schema `json:"outputs"`
	Trees   []string              `json:"trees"`
	Methods []string              `json:"methods"`
	Tables  []string              `json:"tables"`
}

func (a *app) pluginsSchema(ctx context.Context, name, path string, asJSON bool) error {
	d, err := a.about(ctx, name, path)
	if err != nil {
		return err
	}
	tables := slices.Sorted(maps.Keys(d.Rules))
	if asJSON {
		return printJSON(a.stdout, pluginSchema{d.Name, d.Version, d.Source, d.Outputs, d.Trees, d.Methods, tables})
	}
	fmt.Fprintf(a.stdout, "%s %s: methods %s; tables of rows: %s\n\n", d.Name, d.Version, strings.Join(d.Methods, ", "), view.Printable(strings.Join(tables, ", ")))
	fmt.Fprintf(a.stdout, "source %q \"NAME\" {\n  # The checkpoint. Required.\n  path = path\n  # The step of a run directory; the latest unless said.\n  step = number\n", d.Name)
	printSchema(a.stdout, "  ", &d.Source)
	fmt.Fprintln(a.stdout, "}")
	for _, f := range slices.Sorted(maps.Keys(d.Outputs)) {
		s := d.Outputs[f]
		fmt.Fprintf(a.stdout, "\noutput %q {\n  # The directory to make. Required.\n  path = path\n", f)
		printSchema(a.stdout, "  ", &s)
		fmt.Fprintln(a.stdout, "}")
	}
	return nil
}

// printSchema prints a body as a spec would write it, types in the place of
// values.
func printSchema(w io.Writer, indent string, s *sdk.Schema) {
	for _, at := range s.Attributes {
		doc := at.Doc
		if at.Required {
			doc = "Required. " + doc
		}
		typ := at.Type
		if at.Path {
			typ = "path"
		}
		if len(at.Enum) > 0 {
			var quoted []string
			if at.Path {
				quoted = append(quoted, typ)
			}
			for _, e := range at.Enum {
				quoted = append(quoted, strconv.Quote(e))
			}
			typ = strings.Join(quoted, " or ")
		}
		fmt.Fprintf(w, "%s%s%s = %s\n", view.Comment(indent, doc), indent, at.Name, typ)
	}
	for _, b := range s.Blocks {
		head := b.Name
		for _, l := range b.Labels {
			head += fmt.Sprintf(" %q", strings.ToUpper(l))
		}
		fmt.Fprintf(w, "%s%s%s {\n", view.Comment(indent, b.Doc), indent, head)
		if b.Rows {
			fmt.Fprint(w, view.Comment(indent+"  ", "A row in the rule notation: see loraconv plugins rules."))
		}
		printSchema(w, indent+"  ", &b.Schema)
		fmt.Fprintf(w, "%s}\n", indent)
	}
}
