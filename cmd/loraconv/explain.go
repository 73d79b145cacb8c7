package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/codes"
	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
)

func (a *app) explainCommand() *cobra.Command {
	var (
		f      specFlags
		tensor string
	)
	c := &cobra.Command{
		Use:     "explain [SPEC] -tensor NAME | CODE",
		Short:   "Tell how one output tensor comes to be, or what a diagnostic's code means",
		Example: "  loraconv explain robot.hcl -tensor model.embed_tokens.weight\n  loraconv explain unpaired-lora",
		Args:    cobra.MaximumNArgs(1),
		ValidArgsFunction: func(_ *cobra.Command, _ []string, begun string) (out []string, _ cobra.ShellCompDirective) {
			for _, n := range codes.Names() {
				if strings.HasPrefix(n, begun) {
					out = append(out, n)
				}
			}
			return out, cobra.ShellCompDirectiveDefault
		},
		RunE: func(c *cobra.Command, args []string) error {
			if tensor == "" {
				if len(args) == 0 {
					return usageError{fmt.Errorf("explain needs -tensor NAME, or a code")}
				}
				return a.explainCode(args[0])
			}
			o, err := f.options()
			if err != nil {
				return err
			}
			return a.explain(c.Context(), o, target(args), tensor)
		},
	}
	f.register(c)
	c.Flags().StringVar(&tensor, "tensor", "", "`name` of an output tensor")
	return c
}

// explain prints the derivation of a tensor in every conversion that makes it.
func (a *app) explain(ctx context.Context, o session.Options, path, name string) error {
	out := a.output(false)
	o.Observer, o.Log = out, a.logger()
	s := session.New(o)
	defer s.Close()
	cs, ds := s.Load(path, false)
	if err := out.diagnose(s.File, ds); err != nil {
		return err
	}
	var names []string
	found := false
	for _, c := range cs {
		p, ds := s.Prepare(ctx, c)
		if err := out.settle(ctx, s.File, ds); err != nil {
			return err
		}
		for i := range p.Plan.Tensors {
			t := &p.Plan.Tensors[i]
			names = append(names, t.Name)
			if t.Name != name {
				continue
			}
			found = true
			fmt.Fprintf(a.stdout, "%s, in conversion %q\n", view.Printable(t.Name), p.Name)
			for _, line := range plan.Explain(t, p.Manifests) {
				fmt.Fprintf(a.stdout, "  %s\n", view.Printable(s.File.Redact(line)))
			}
		}
	}
	if !found {
		hint := ""
		if s := manifest.Suggest(name, names); s != "" {
			hint = fmt.Sprintf("; did you mean %q?", s)
		}
		return diag.New(diag.Usage, "no-such-tensor", "No conversion makes that tensor", "%q is not among the %d output tensors%s", name, len(names), hint)
	}
	return nil
}

// explainCode prints what a code means, why it is said, and what to do.
func (a *app) explainCode(name string) error {
	c := codes.Find(name)
	if c == nil {
		hint := ""
		if s := manifest.Suggest(name, codes.Names()); s != "" {
			hint = fmt.Sprintf("; did you mean %q?", s)
		} else if _, err := os.Stat(name); err == nil {
			hint = "; of a spec, say which -tensor NAME to explain"
		}
		return usageError{fmt.Errorf("no diagnostic has the code %q%s", name, hint)}
	}
	return view.Code(a.stdout, c)
}
