package rules

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/rule"
)

// identity says which instance of its block a position of a site is, in the
// letters that every place of the block has, so that a stacked base finds an
// adapter that is not, and the other way round. It is "" where there are none.
func (x *expansion) identity(s *site, at map[string]int) (string, error) {
	var parts []string
	for _, l := range commonLetters(s.block) {
		e, err := x.formula(l)
		if err != nil {
			return "", err
		}
		n, err := x.whole(e, env{num: s.num, let: s.block.Places[s.place].Let}, at)
		if err != nil {
			return "", fmt.Errorf("block %q: %w", s.block.Name, err)
		}
		parts = append(parts, l+"="+strconv.Itoa(n))
	}
	return strings.Join(parts, ","), nil
}

func commonLetters(b *rule.Block) []string {
	var out []string
	for i, p := range b.Places {
		own, _ := rule.PathLetters(p.Path)
		own = append(own, p.Stack...)
		for l := range p.Let {
			own = append(own, l)
		}
		if i == 0 {
			out = own
			continue
		}
		kept := out[:0]
		for _, l := range out {
			if slices.Contains(own, l) {
				kept = append(kept, l)
			}
		}
		out = kept
	}
	sort.Strings(out)
	return out
}

// identities maps each identity of a site whose stack axes have these sizes to
// its positions. There are none where the site is longer than any model is:
// what is stored there is then used by nothing, and refused by name.
func (x *expansion) identities(s *site, sizes map[string]int) (map[string]map[string]int, error) {
	out := map[string]map[string]int{}
	size := func(l string) int { return sizes[l] }
	if howMany(s.stack(), size, maxStack) > maxStack {
		return out, nil
	}
	for at := range combos(s.stack(), size) {
		id, err := x.identity(s, at)
		if err != nil {
			return nil, err
		}
		if id != "" {
			out[id] = at
		}
	}
	return out, nil
}
