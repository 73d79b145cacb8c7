package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/loraconv/loraconv/cmd/internal/inspect"
	"github.com/loraconv/loraconv/cmd/internal/view"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/plugins/maxtext"
	"github.com/loraconv/loraconv/plugins/openpi"
)

// guessers ask the bundled plugins what a tree is.
var guessers = []inspect.Guesser{{Plugin: "openpi", Guess: openpi.Guess}, {Plugin: "maxtext", Guess: maxtext.Guess, Cover: covered}}

// covered asks the maxtext plugin what a tree's LoRA covers.
func covered(m *manifest.Manifest) (*inspect.Lora, string) {
	c := maxtext.Cover(m)
	if c == nil || len(c.Modules) == 0 && c.Remark == "" {
		return nil, "" // its factors are of no form of MaxText's: the tree is another framework's
	}
	l := &inspect.Lora{Modules: []inspect.Module{}, Alpha: c.Alpha, AlphaFrom: c.AlphaFrom}
	for _, k := range c.Modules {
		l.Modules = append(l.Modules, inspect.Module{Name: k.Module, Layers: k.Layers, Ranks: k.Ranks})
	}
	return l, c.Remark
}

func (a *app) inspectCommand() *cobra.Command {
	var (
		asJSON, digest bool
		step           string
	)
	c := &cobra.Command{
		Use:   "inspect PATH",
		Short: "Show what a checkpoint holds: parameters, LoRA pairs, metadata",
		Long: `Reads the metadata of an Orbax checkpoint, step or run, of a directory of
safetensors files, of a PEFT adapter, or of one .safetensors file. Weights are
read only with -digest. With -json all is printed, and of a run all its steps.
A checkpoint that is damaged is refused: exit 4, and nothing on stdout.`,
		Example: "  loraconv inspect checkpoints/pi0/exp/29999\n  loraconv inspect out/robot -json -digest",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o := inspect.Options{Digest: digest, Guessers: guessers}
			if c.Flags().Changed("step") {
				n, err := strconv.Atoi(step)
				if err != nil || n < 0 {
					return usageError{fmt.Errorf("-step %q: wanted the number of a step", step)}
				}
				o.Step = &n
			}
			return a.inspect(c.Context(), args[0], o, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	c.Flags().BoolVar(&digest, "digest", false, "read all values, and print the SHA-256 of each parameter")
	c.Flags().StringVar(&step, "step", "", "look at this step `N` of a run; default the latest finished one, with -json all")
	return c
}

func (a *app) inspect(ctx context.Context, path string, o inspect.Options, asJSON bool) error {
	live := view.NewLive(a.stderr)
	o.Progress = func(done, all int64) {
		live.Show(func() string { return fmt.Sprintf("reading %s of %s", view.Bytes(done), view.Bytes(all)) })
	}
	r, err := inspect.Read(ctx, path, o)
	live.Clear()
	if err != nil {
		return readFault(ctx, err)
	}
	if asJSON {
		return printJSON(a.stdout, r)
	}
	return view.Inspect(a.stdout, path, r)
}

// readFault is what the commands that only read say of a checkpoint that
// cannot be read.
func readFault(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	class, code, says := store.Fault(err)
	return diag.New(class, code, "The checkpoint "+says, "%s", view.Printable(err.Error()))
}
