package rules

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/rule"
)

// FactStackAxis is the fact that says where stack letters are inserted, unless
// the place of a block says so itself.
const FactStackAxis = "param_scan_axis"

// site is one place where a block stands in a tree: "decoder/layers_3".
type site struct {
	block *rule.Block
	place int // of block.Places
	path  string
	num   map[string]int // letters captured from the path
	axis  int            // where stack letters are inserted
}

func (s *site) stack() []string { return s.block.Places[s.place].Stack }

// in adds what the site gives names to mean.
func (s *site) in(e env) env {
	more := map[string]string{s.block.Name: s.path}
	for l, n := range s.num {
		more[l] = strconv.Itoa(n)
	}
	out := e.with(more)
	out.num, out.let = s.num, s.block.Places[s.place].Let
	return out
}

func stackKey(block, letter string) string { return "block " + block + "|" + letter }

// findSites finds, in every tree, where blocks stand.
func (x *expansion) findSites() error {
	for i := range x.Table.Blocks {
		b := &x.Table.Blocks[i]
		for p := range b.Places {
			axis, err := x.stackAxis(&b.Places[p])
			if err != nil {
				return fmt.Errorf("block %q: %w", b.Name, err)
			}
			for _, t := range x.trees { // base and adapter may be laid out differently
				if ok, err := x.holds(b.Places[p].When, env{tree: t}); err != nil {
					return fmt.Errorf("block %q: %w", b.Name, err)
				} else if !ok {
					continue
				}
				t.sites[b.Name] = append(t.sites[b.Name], sitesOf(t, b, p, axis)...)
			}
		}
		x.checkSites(b)
	}
	return nil
}

func (x *expansion) stackAxis(p *rule.Place) (int, error) {
	e := p.Axis
	if e == nil {
		if _, ok := x.Facts[FactStackAxis]; !ok || len(p.Stack) == 0 {
			return 1, nil
		}
		e, _ = rule.ParseExpr(FactStackAxis)
	}
	return x.whole(e, env{}, nil)
}

// sitesOf lists the sites of one place in a tree, by number.
func sitesOf(t *tree, b *rule.Block, place, axis int) []*site {
	path := b.Places[place].Path
	letters, _ := rule.PathLetters(path)
	re := pathPattern(path)
	literal, _, _ := strings.Cut(path, "{")
	seen := map[string]bool{}
	var out []*site
	for i := sort.SearchStrings(t.names, literal); i < len(t.names) && strings.HasPrefix(t.names[i], literal); i++ {
		m := re.FindStringSubmatch(t.names[i])
		if m == nil || seen[m[1]] {
			continue
		}
		seen[m[1]] = true
		s := &site{block: b, place: place, path: m[1], num: map[string]int{}, axis: axis}
		for k, l := range letters {
			s.num[l], _ = strconv.Atoi(m[2+k])
		}
		out = append(out, s)
	}
	sort.Slice(out, func(i, j int) bool {
		for _, l := range letters {
			if out[i].num[l] != out[j].num[l] {
				return out[i].num[l] < out[j].num[l]
			}
		}
		return false
	})
	return out
}

// pathPattern matches names below a place; each letter is one number.
func pathPattern(path string) *regexp.Regexp {
	parts := braces.Split(path, -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return regexp.MustCompile("^(" + strings.Join(parts, "(0|[1-9][0-9]{0,5})") + ")/")
}

// checkSites reports a block that stands nowhere in the base, and numbers that
// are left out: a layer that is lost as a whole would not be missed otherwise.
func (x *expansion) checkSites(b *rule.Block) {
	if x.Alone { // an adapter covers what was trained
		return
	}
	t := x.trees[0]
	if len(t.sites[b.Name]) == 0 && !b.Optional {
		var paths []string
		for _, p := range b.Places {
			paths = append(paths, t.root+p.Path)
		}
		x.res.Diagnostics.Errorf(diag.Keys, CodeMissing, "A part of the model is missing",
			"source %q has nothing at %s (block %q)", t.src.Name, strings.Join(paths, " or "), b.Name).Rule = b.Name
	}
	for p := range b.Places {
		letters, _ := rule.PathLetters(b.Places[p].Path)
		x.reportGaps(t, b, p, letters)
	}
}

const maxGaps = 16 // reported for one place

func (x *expansion) reportGaps(t *tree, b *rule.Block, place int, letters []string) {
	size := map[string]int{}
	have := map[string]bool{}
	grid := 1
	for _, s := range t.sites[b.Name] {
		if s.place != place {
			continue
		}
		have[s.path] = true
		for l, n := range s.num {
			size[l] = max(size[l], n+1)
		}
	}
	for _, l := range letters {
		grid *= size[l]
	}
	if len(have) == 0 || len(have) == grid {
		return
	}
	x.gaps[b.Name] = true
	if grid > maxStack {
		x.res.Diagnostics.Errorf(diag.Keys, CodeMissing, "A part of the model is missing",
			"source %q: block %q stands %d times at %s, yet up to %s", t.src.Name, b.Name, len(have), t.root+b.Places[place].Path, describe(letters, size)).Rule = b.Name
		return
	}
	gaps := 0
	combos(letters, func(l string) int { return size[l] }, func(at map[string]int) {
		path := fill(b.Places[place].Path, texts(at))
		if have[path] || gaps == maxGaps {
			return
		}
		gaps++
		d := x.res.Diagnostics.Errorf(diag.Keys, CodeMissing, "A part of the model is missing",
			"source %q has nothing at %s, but %d others of block %q up to %s", t.src.Name, t.root+path, len(have), b.Name, describe(letters, size))
		d.Tensor, d.Rule = t.root+path, b.Name
	})
}

func texts(at map[string]int) map[string]string {
	out := map[string]string{}
	for l, n := range at {
		out[l] = strconv.Itoa(n)
	}
	return out
}

func describe(letters []string, size map[string]int) string {
	parts := make([]string, len(letters))
	for i, l := range letters {
		parts[i] = fmt.Sprintf("%s = %d", l, size[l]-1)
	}
	return strings.Join(parts, ", ")
}

// insert puts the stack letters of a site into the axes of one array: the
// first becomes axis s.axis, or the last where there are fewer. Axes that
// stand for several sources, side by side, are not in the array and do not
// count.
func (s *site) insert(axes []rule.Axis, sources []string) []rule.Axis {
	if s == nil || len(s.stack()) == 0 {
		return axes
	}
	out := make([]rule.Axis, 0, len(axes)+len(s.stack()))
	stored, done := 0, false
	put := func() {
		for _, l := range s.stack() {
			out = append(out, rule.Axis{Letter: l})
		}
		done = true
	}
	for _, a := range axes {
		if !done && stored == s.axis {
			put()
		}
		out = append(out, a)
		if a.Letter == "" || !has(sources, a.Letter) {
			stored++
		}
	}
	if !done {
		put()
	}
	return out
}

// measureStacks finds, once all bases are known, how long each stack axis is:
// as most of the arrays have it. Those that disagree are reported with the
// other sizes.
func (x *expansion) measureStacks() {
	seen := map[string]map[int]int{}
	for _, in := range x.insts {
		if in.site == nil || in.parts != nil {
			continue
		}
		for _, b := range in.bases {
			if b.t == nil {
				continue
			}
			for l, n := range stackSizes(in.site, in.stored(), b.shape()) {
				key := stackKey(in.site.block.Name, l)
				if seen[key] == nil {
					seen[key] = map[int]int{}
				}
				seen[key][n]++
			}
		}
	}
	x.stacks = map[string]int{}
	for key, by := range seen {
		best := 0
		for n, c := range by {
			if c > by[best] || c == by[best] && n < best {
				best = n
			}
		}
		x.stacks[key] = best
	}
}

// stackSizes reads the sizes of a site's stack letters off one array.
func stackSizes(s *site, axes []rule.Axis, shape []int) map[string]int {
	out := map[string]int{}
	if len(axes) != len(shape) {
		return out
	}
	for i, a := range axes {
		if a.Letter != "" && has(s.stack(), a.Letter) {
			out[a.Letter] = shape[i]
		}
	}
	return out
}

// positions returns how many instances of its block a site of the base holds.
func (x *expansion) positions(s *site) int {
	n := 1
	for _, l := range s.stack() {
		n *= x.stacks[stackKey(s.block.Name, l)]
	}
	return n
}

// checkCounts compares the number of a block's instances with what the table
// says it must be, and states it as a fact.
func (x *expansion) checkCounts() {
	for i := range x.Table.Blocks {
		b := &x.Table.Blocks[i]
		sites := x.trees[0].sites[b.Name]
		if len(sites) == 0 {
			continue
		}
		n := 0
		for _, s := range sites {
			n += x.positions(s)
		}
		where := x.trees[0].root + sites[0].path
		if last := sites[len(sites)-1]; last != sites[0] {
			where += " to " + x.trees[0].root + last.path
		}
		x.blockFacts = append(x.blockFacts, blockFact{b.Name, n, where})
		if x.Alone {
			x.checkCovered(b)
			continue
		}
		if b.Count == nil || x.gaps[b.Name] {
			continue
		}
		want, err := x.whole(b.Count, env{}, nil)
		switch {
		case err != nil:
			x.faultOf(err, b.Name)
		case n != want:
			x.res.Diagnostics.Errorf(diag.Keys, CodeMissing, "A part of the model is missing",
				"block %q stands %d times, at %s; wanted %d (%s)", b.Name, n, where, want, b.Count).Rule = b.Name
		}
	}
}

type blockFact struct {
	name  string
	n     int
	where string
}

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
			if has(own, l) {
				kept = append(kept, l)
			}
		}
		out = kept
	}
	sort.Strings(out)
	return out
}

// identities maps each identity of a site whose stack axes have these sizes to
// its positions.
func (x *expansion) identities(s *site, sizes map[string]int) (map[string]map[string]int, error) {
	out := map[string]map[string]int{}
	var err error
	combos(s.stack(), func(l string) int { return min(sizes[l], maxStack) }, func(at map[string]int) {
		if err != nil {
			return
		}
		var id string
		if id, err = x.identity(s, at); err == nil && id != "" {
			out[id] = at
		}
	})
	return out, err
}

// maxStack bounds the positions of one stack axis that are looked at.
const maxStack = 1 << 14
