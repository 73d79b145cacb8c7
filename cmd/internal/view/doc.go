// Package view holds the forms in which loraconv shows what it has to say:
// text for people and JSON for programs, live progress on a terminal and plain
// lines elsewhere. It decides nothing; commands import it, and nothing below
// them may. Everything that comes from a file passes through Printable before
// it reaches a terminal.
//
// The wording of text is no contract; the JSON event stream is.
package view
