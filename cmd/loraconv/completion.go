package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// shells are those that completions are written for.
var shells = []string{"bash", "zsh", "fish", "powershell"}

func (a *app) completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion SHELL",
		Short: "Print a script that completes commands in bash, zsh, fish or powershell",
		Long: `Prints a script for a shell, which then completes commands, flags, formats and
diagnostics' codes. It asks loraconv itself, so it need not be renewed.`,
		Example:   "  source <(loraconv completion bash)\n  loraconv completion zsh > \"${fpath[1]}/_loraconv\"\n  loraconv completion fish > ~/.config/fish/completions/loraconv.fish\n  loraconv completion powershell | Out-String | Invoke-Expression",
		Args:      cobra.ExactArgs(1),
		ValidArgs: shells,
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(a.stdout, true)
			case "zsh":
				return root.GenZshCompletion(a.stdout)
			case "fish":
				return root.GenFishCompletion(a.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(a.stdout)
			}
			return usageError{fmt.Errorf("completion for %q: wanted one of %s", args[0], strings.Join(shells, ", "))}
		},
	}
}

// completes offers words for a flag, and no files.
func completes(c *cobra.Command, flag string, words []string) {
	if err := c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is not registered
	}
}

// specFiles completes the names of specs.
func specFiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"hcl", "hcl.json"}, cobra.ShellCompDirectiveFilterFileExt
}
