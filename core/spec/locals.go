package spec

import "github.com/hashicorp/hcl/v2"

// declareLocals registers the local values; they are computed when used.
func (l *loader) declareLocals(blocks []*hcl.Block) {
	seen := map[string]hcl.Range{}
	for _, b := range blocks {
		for _, a := range l.attributes(b.Body) {
			if l.once(seen, a.Name, a.NameRange, "local."+a.Name) && l.identifier("a local value", a.Name, a.NameRange) {
				l.locals[a.Name] = &cell{name: "local." + a.Name, attr: a}
			}
		}
	}
}
