package view

import (
	"fmt"
	"strconv"
	"strings"
)

// grouping joins rows whose names differ in numbers alone and whose cells are
// equal: decoder/layers_0/bias … decoder/layers_17/bias become
// decoder/layers_{0..17}/bias, 18 times.
type grouping struct {
	groups []*group
	index  map[string]*group
}

type group struct {
	texts  []string // around the numbers
	lo, hi []int
	cells  []string
	count  int
	only   string // the name, of a group of one
}

func (l *grouping) add(name string, cells ...string) {
	texts, numbers := splitNumbers(name)
	key := strings.Join(texts, "\x00") + "\x01" + strings.Join(cells, "\x00")
	g := l.index[key]
	if g == nil {
		g = &group{texts: texts, lo: append([]int(nil), numbers...), hi: append([]int(nil), numbers...), cells: cells, only: name}
		if l.index == nil {
			l.index = map[string]*group{}
		}
		l.index[key] = g
		l.groups = append(l.groups, g)
	}
	g.count++
	for i, n := range numbers {
		g.lo[i], g.hi[i] = min(g.lo[i], n), max(g.hi[i], n)
	}
}

// splitNumbers takes runs of digits out of a name; runs that are no plain int,
// such as 007, stay.
func splitNumbers(name string) (texts []string, numbers []int) {
	text := ""
	for i := 0; i < len(name); {
		j := i
		for j < len(name) && name[j] >= '0' && name[j] <= '9' {
			j++
		}
		if j == i {
			text += name[i : i+1]
			i++
			continue
		}
		if n, err := strconv.Atoi(name[i:j]); err == nil && strconv.Itoa(n) == name[i:j] {
			texts, numbers = append(texts, text), append(numbers, n)
			text = ""
		} else {
			text += name[i:j]
		}
		i = j
	}
	return append(texts, text), numbers
}

// name writes ranges where numbers differ.
func (g *group) name() string {
	if g.count == 1 {
		return g.only
	}
	var b strings.Builder
	for i, t := range g.texts {
		b.WriteString(t)
		if i == len(g.lo) {
			break
		}
		if g.lo[i] == g.hi[i] {
			fmt.Fprint(&b, g.lo[i])
		} else {
			fmt.Fprintf(&b, "{%d..%d}", g.lo[i], g.hi[i])
		}
	}
	return b.String()
}

// times says how many names a group stands for, where it is not one.
func (g *group) times() string {
	if g.count == 1 {
		return ""
	}
	return fmt.Sprintf(" (%d times)", g.count)
}
