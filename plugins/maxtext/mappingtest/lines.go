package mappingtest

import (
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/tensor"
)

// Source is a parameter, or one position along its first axis.
type Source struct {
	Name     string
	Shape    tensor.Shape
	Position int // -1: the whole parameter
}

// Line says what upstream makes one target of, and by which of its functions:
// the name of a hook, which is "-" for none.
type Line struct {
	Target, Hook string // Target is "" where there is none
	Sources      []Source
}

// most is the number of experts that Lines keeps of each layer.
const most = 2

var (
	ofLayer   = regexp.MustCompile(`-(?:[a-z]+_)?(?:layers|blocks)_([0-9]+)-`)
	experts   = regexp.MustCompile(`^\[[0-9]+\] (.*)\{0\.\.[0-9]+\}(.*)$`)
	denseKind = "dense_layers"
)

// Lines reads the table of a model whose layers are not stacked, as of a model
// of other sizes with two experts and the first layers alone.
func Lines(t *testing.T, dir, model string, sizes map[string]int, layers int) []Line {
	t.Helper()
	md := models[model]
	md.dims = sizes
	md.dims["X"] = most
	var out []Line
	eachRow(t, dir, model+".unscan", md, func(cols []string) {
		if m := ofLayer.FindStringSubmatch(cols[0]); m != nil && !strings.Contains(cols[0], denseKind) {
			if n, _ := strconv.Atoi(m[1]); n >= layers {
				return
			}
		}
		line := Line{Target: cols[1], Hook: cols[2]}
		for _, k := range strings.Split(cols[0], "+") {
			name, leaf := parameter(k)
			line.Sources = append(line.Sources, Source{name, md.at(leaf).shape(t, leaf), -1})
		}
		m := experts.FindStringSubmatch(line.Target)
		switch {
		case line.Target == "None":
			line.Target = ""
		case m != nil:
			for e := range most {
				one := line
				one.Target = m[1] + strconv.Itoa(e) + m[2]
				one.Sources = []Source{{line.Sources[0].Name, line.Sources[0].Shape, e}}
				out = append(out, one)
			}
			return
		}
		out = append(out, line)
	})
	return out
}
