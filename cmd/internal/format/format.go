// Package format gives the text of specs its canonical layout: two spaces an
// indent, equal signs of neighbours in one column. Nothing but spaces changes.
package format

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/spec"
)

// Format lays out a text in native syntax. The file is for rendering the
// diagnostics; with an error among them the text is nil. What is returned is a
// fixed point: laid out once more, it stays as it is.
func Format(name string, src []byte) ([]byte, *spec.File, diag.List) {
	file, ds := spec.Syntax(name, src)
	if ds.HasErrors() {
		return nil, file, ds
	}
	out := hclwrite.Format(src)
	if !sameTokens(src, out) || !bytes.Equal(hclwrite.Format(out), out) {
		ds.Add(diag.New(diag.Other, "failed", "A text could not be laid out", "%q: its layout changes what it says, or does not settle; it is left as it is. Please report this with the text.", name))
		return nil, file, ds
	}
	return out, file, ds
}

// sameTokens reports whether two texts differ in nothing but spaces between
// tokens.
func sameTokens(a, b []byte) bool {
	x, _ := hclsyntax.LexConfig(a, "", hcl.InitialPos)
	y, _ := hclsyntax.LexConfig(b, "", hcl.InitialPos)
	if len(x) != len(y) {
		return false
	}
	for i := range x {
		if x[i].Type != y[i].Type || !bytes.Equal(x[i].Bytes, y[i].Bytes) {
			return false
		}
	}
	return true
}
