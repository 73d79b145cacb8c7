package rules

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/loraconv/loraconv/core/glob"
	"github.com/loraconv/loraconv/core/rule"
)

// funcs gives the functions that ask about the checkpoint:
//
//	has("glob")     whether any source has a parameter of that name; captures in
//	                the glob are filled in. In the condition of a block's place,
//	                whether the source has it whose places are looked for
//	count(block)    how many instances a block has, or how long a stack letter's
//	                axis is; known once the parameters are found, so not in "when"
func (x *expansion) funcs(in env) map[string]function.Function {
	return map[string]function.Function{
		"has": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "pattern", Type: cty.String}},
			Type:   function.StaticReturnType(cty.Bool),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				ok, err := x.has(fill(args[0].AsString(), in.text), in.tree)
				return cty.BoolVal(ok), err
			},
		}),
		"count": function.New(&function.Spec{
			Params: []function.Parameter{{Name: "block", Type: cty.String}},
			Type:   function.StaticReturnType(cty.Number),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				n, err := x.count(args[0].AsString())
				return cty.NumberIntVal(int64(n)), err
			},
		}),
	}
}

// has answers from the names that begin as the glob does, and remembers.
func (x *expansion) has(pattern string, only *tree) (bool, error) {
	key := pattern
	if only != nil {
		key += "\x00" + only.src.Name
	}
	if ok, known := x.known[key]; known {
		return ok, nil
	}
	g, err := glob.Compile(pattern, '/')
	if err != nil {
		return false, err
	}
	literal, _, _ := strings.Cut(pattern, "*")
	found := false
	for _, t := range x.trees {
		if only != nil && t != only {
			continue
		}
		for i := sort.SearchStrings(t.names, literal); i < len(t.names) && strings.HasPrefix(t.names[i], literal) && !found; i++ {
			found = g.Match(t.names[i])
		}
	}
	x.known[key] = found
	return found, nil
}

func (x *expansion) count(name string) (int, error) {
	if x.stacks == nil {
		return 0, fmt.Errorf("count(%s) is not known before the parameters are found", name)
	}
	if !x.countable(name) {
		return 0, fmt.Errorf("count(%s): %q is neither a block nor a letter that a block stacks", name, name)
	}
	if x.Alone {
		return x.countAlone(name), nil
	}
	if b := x.Table.Block(name); b != nil {
		n := 0
		for _, s := range x.trees[0].sites[name] {
			n += x.positions(s)
		}
		return n, nil
	}
	for i := range x.Table.Blocks {
		if n, ok := x.stacks[stackKey(x.Table.Blocks[i].Name, name)]; ok {
			return n, nil
		}
	}
	return 0, nil // no place that stacks it is there
}

// countable reports whether count may be asked of a name.
func (x *expansion) countable(name string) bool {
	for i := range x.Table.Blocks {
		b := &x.Table.Blocks[i]
		if b.Name == name || slices.ContainsFunc(b.Places, func(p rule.Place) bool { return slices.Contains(p.Stack, name) }) {
			return true
		}
	}
	return false
}
