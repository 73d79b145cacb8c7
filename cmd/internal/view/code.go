package view

import (
	"fmt"
	"io"

	"github.com/loraconv/loraconv/cmd/internal/codes"
)

// Code prints what there is to say about a diagnostic's code.
func Code(w io.Writer, c *codes.Code) error {
	_, err := fmt.Fprintf(w, "%s: %s\n\n%s\n%s\n%s", c.Name, c.Ends(), wrap("", c.Means), wrap("Why:  ", c.Why), wrap("Next: ", c.Next))
	return err
}
