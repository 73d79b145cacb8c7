// Command page writes the page of diagnostics to the file that is named.
package main

import (
	"fmt"
	"os"

	"github.com/loraconv/loraconv/cmd/internal/codes"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: page FILE")
		os.Exit(64)
	}
	if err := os.WriteFile(os.Args[1], codes.Markdown(), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
