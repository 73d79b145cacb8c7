package rules

import (
	"fmt"
	"math"
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
	for _, s := range t.sites[b.Name] {
		if s.place != place {
			continue
		}
		have[s.path] = true
		for l, n := range s.num {
			size[l] = max(size[l], n+1)
		}
	}
	sizeOf := func(l string) int { return size[l] }
	grid := howMany(letters, sizeOf, math.MaxInt32)
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
	for at := range combos(letters, sizeOf) {
		path := fill(b.Places[place].Path, texts(at))
		if have[path] || gaps == maxGaps {
			continue
		}
		gaps++
		d := x.res.Diagnostics.Errorf(diag.Keys, CodeMissing, "A part of the model is missing",
			"source %q has nothing at %s, but %d others of block %q up to %s", t.src.Name, t.root+path, len(have), b.Name, describe(letters, size))
		d.Tensor, d.Rule = t.root+path, b.Name
	}
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
