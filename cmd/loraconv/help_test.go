package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Every command's help shows an example, in 80 columns, and each example is one
// that the command takes.
func TestHelpShowsExamples(t *testing.T) {
	root := (&app{}).command()
	n := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if !sub.Hidden {
				walk(sub)
			}
		}
		if !c.Runnable() || c == root {
			return
		}
		n++
		path := strings.Fields(c.CommandPath())[1:]
		code, stdout, stderr := loraconv(t, append(path, "-help")...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "Examples:\n  loraconv "+strings.Join(path, " ")) && !strings.Contains(stdout, "(loraconv "+strings.Join(path, " ")) {
			t.Errorf("%s: exit %d, no example:\n%s%s", c.CommandPath(), code, stdout, stderr)
		}
		for line := range strings.Lines(stdout) {
			if len([]rune(strings.TrimRight(line, "\n"))) > 80 {
				t.Errorf("%s: a line of the help has more than 80 columns: %s", c.CommandPath(), line)
			}
		}
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", " ")) {
			for _, one := range strings.Split(line, "&&") {
				takes(t, one)
			}
		}
	}
	walk(root)
	if n < 12 {
		t.Errorf("%d commands", n)
	}
}

// takes reports an example with a command, a flag or a number of arguments that
// there is not.
func takes(t *testing.T, line string) {
	t.Helper()
	_, line, ok := strings.Cut(line, "loraconv ")
	if !ok {
		t.Errorf("%q is no example", line)
		return
	}
	line, _, _ = strings.Cut(line, ">")
	line, _, _ = strings.Cut(line, "|")
	line, _, _ = strings.Cut(line, ")")
	root := (&app{}).command()
	c, args, err := root.Find(longFlags(strings.Fields(line)))
	if err == nil {
		err = c.ParseFlags(args)
	}
	if err == nil && c.Args != nil {
		err = c.Args(c, c.Flags().Args())
	}
	if err != nil || c == root {
		t.Errorf("loraconv %s: %v", line, err)
	}
}
