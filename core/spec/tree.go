package spec

import "github.com/zclconf/go-cty/cty"

// tree is nested objects that are being filled in.
type tree map[string]any // cty.Value or tree

func (t tree) set(way []string, v cty.Value) {
	for _, k := range way[:len(way)-1] {
		next, ok := t[k].(tree)
		if !ok {
			next = tree{}
			t[k] = next
		}
		t = next
	}
	t[way[len(way)-1]] = v
}

func (t tree) object() cty.Value {
	m := map[string]cty.Value{}
	for k, v := range t {
		switch v := v.(type) {
		case cty.Value:
			m[k] = v
		case tree:
			m[k] = v.object()
		}
	}
	return cty.ObjectVal(m)
}
