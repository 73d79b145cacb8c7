// Package codes holds what there is to say about each diagnostic's code: what
// it means, why loraconv says it, and what to do next. The table is codes.hcl;
// `loraconv explain CODE`, the rules in SARIF and the page DIAGNOSTICS.md are
// made from it. A test of cmd/loraconv holds it against the source.
package codes

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"github.com/hashicorp/hcl/v2/hclsimple"
)

//go:generate go run ./page ../../loraconv/DIAGNOSTICS.md

//go:embed codes.hcl
var table []byte

// Code is one entry.
type Code struct {
	Name  string `hcl:"name,label"`
	Exit  []int  `hcl:"exit"`  // exit codes that an error of it asks for, the usual one first; 0: a warning
	Means string `hcl:"means"` // what is the matter
	Why   string `hcl:"why"`   // why that is worth a word, or stops a conversion
	Next  string `hcl:"next"`  // what to do
}

// Group is codes about one thing.
type Group struct {
	Name  string `hcl:"name,label"`
	Codes []Code `hcl:"code,block"`
}

// Groups returns the whole table, in its order.
var Groups = sync.OnceValue(func() []Group {
	var all struct {
		Groups []Group `hcl:"group,block"`
	}
	if err := hclsimple.Decode("codes.hcl", table, nil, &all); err != nil {
		panic(err) // a test reads it
	}
	return all.Groups
})

var index = sync.OnceValue(func() map[string]*Code {
	m := map[string]*Code{}
	for _, g := range Groups() {
		for i := range g.Codes {
			m[g.Codes[i].Name] = &g.Codes[i]
		}
	}
	return m
})

// Find returns the entry of a code, or nil.
func Find(name string) *Code { return index()[name] }

// Names lists all codes, in the table's order.
func Names() []string {
	var out []string
	for _, g := range Groups() {
		for i := range g.Codes {
			out = append(out, g.Codes[i].Name)
		}
	}
	return out
}

// Ends says how a command that meets the code ends: "exit 3", "exit 64, or a
// warning", "a warning".
func (c *Code) Ends() string {
	var exits []string
	warning := false
	for _, n := range c.Exit {
		if n == 0 {
			warning = true
		} else {
			exits = append(exits, fmt.Sprint(n))
		}
	}
	switch s := "exit " + strings.Join(exits, " or "); {
	case len(exits) == 0:
		return "a warning"
	case warning:
		return s + ", or a warning"
	default:
		return s
	}
}
