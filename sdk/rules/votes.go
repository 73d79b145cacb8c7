package rules

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/loraconv/loraconv/core/diag"
)

// votes collects, for every letter in its scope, which size each parameter
// gives it.
type votes struct {
	by   map[string]map[int][]string // scope and letter -> size -> parameters
	size map[string]int              // what the majority says
	rule map[string]string           // scope, letter and parameter -> the row that reads it so
	said map[string]bool             // scope, letter and parameter: reported
}

func newVotes() votes {
	return votes{by: map[string]map[int][]string{}, size: map[string]int{}, rule: map[string]string{}, said: map[string]bool{}}
}

func (v *votes) cast(key string, n int, leaf, row string) {
	if v.by[key] == nil {
		v.by[key] = map[int][]string{}
	}
	v.by[key][n] = append(v.by[key][n], leaf)
	v.rule[key+"|"+leaf] = row
}

// ownKey parts the captures from the path in the scope of a letter of which
// each instance of a block has a size of its own.
const ownKey = " at "

// key is a letter's scope. Letters that only a LoRA pair has, such as the rank,
// belong to that pair.
func (in *instance) key(letter string) string {
	if in.site != nil && slices.Contains(in.site.stack(), letter) {
		return stackKey(in.site.block.Name, letter)
	}
	if _, ok := in.row.Names[letter]; ok { // what it counts, the row alone says
		return in.scope + "|" + in.row.Name + "|" + letter
	}
	if in.site != nil && slices.Contains(in.site.block.Own, letter) {
		return in.scope + ownKey + in.site.path + "|" + letter
	}
	return in.scope + "|" + letter
}

func pairKey(in *instance, b, p int, letter string) string {
	return fmt.Sprintf("%s|%s/%s/%d/%d|%s", in.scope, in.row.Name, in.bases[b].rel, b, p, letter)
}

// elect settles every letter by majority and reports the parameters that
// disagree; with no majority, all of them.
func (x *expansion) elect() {
	for _, key := range slices.Sorted(maps.Keys(x.votes.by)) {
		by := x.votes.by[key]
		sizes := make([]int, 0, len(by))
		for n := range by {
			sizes = append(sizes, n)
		}
		sort.Slice(sizes, func(i, j int) bool {
			if len(by[sizes[i]]) != len(by[sizes[j]]) {
				return len(by[sizes[i]]) > len(by[sizes[j]])
			}
			return sizes[i] < sizes[j]
		})
		x.votes.size[key] = sizes[0]
		if len(sizes) == 1 {
			continue
		}
		_, letter := splitKey(key)
		tie := len(by[sizes[0]]) == len(by[sizes[1]])
		for i, n := range sizes {
			if i == 0 && !tie {
				continue
			}
			other := sizes[0]
			if i == 0 {
				other = sizes[1]
			}
			for _, leaf := range by[n] {
				if x.votes.said[key+"|"+leaf] || x.tooMany() {
					continue
				}
				x.votes.said[key+"|"+leaf] = true
				row := x.votes.rule[key+"|"+leaf]
				d := x.res.Diagnostics.Errorf(diag.Keys, CodeShape, "A parameter's shape does not fit",
					"%s has %s = %d, but %s has %d (row %q)", leaf, x.letterName(letter), n, example(by[other]), other, row)
				d.Tensor, d.Rule = leaf, row
			}
		}
	}
}

// letterName explains a letter: `d (width)`.
func (x *expansion) letterName(l string) string {
	if s := x.Table.Letters[l]; s != "" {
		return l + " (" + s + ")"
	}
	return l
}

func example(leaves []string) string {
	switch len(leaves) {
	case 1:
		return leaves[0]
	case 2:
		return leaves[0] + ", as 1 other,"
	}
	return fmt.Sprintf("%s, as %d others,", leaves[0], len(leaves)-1)
}
