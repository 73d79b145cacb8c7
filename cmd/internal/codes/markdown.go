package codes

import (
	"fmt"
	"strings"
)

// Markdown returns the table as one page of documentation.
func Markdown() []byte {
	var b strings.Builder
	b.WriteString(`# Diagnostics

<!-- Made from cmd/internal/codes/codes.hcl by "make generate": edit that file. -->

Every error and warning of loraconv ends its first line with a code in brackets. The code is stable: filter by it.
` + "`loraconv explain CODE`" + ` prints an entry of this page.
`)
	for _, g := range Groups() {
		fmt.Fprintf(&b, "\n## %s\n", g.Name)
		for _, c := range g.Codes {
			fmt.Fprintf(&b, "\n### %s\n\n*%s*\n\n%s\n\n**Why.** %s\n\n**Next.** %s\n", c.Name, c.Ends(), plain(c.Means), plain(c.Why), plain(c.Next))
		}
	}
	return []byte(b.String())
}

// plain keeps stars and the like from being taken for markup.
func plain(s string) string {
	return strings.NewReplacer(`*`, `\*`, `_`, `\_`, `<`, `\<`).Replace(s)
}
