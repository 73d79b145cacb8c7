// Package mappingtest reads the tables of MaxText's own exporter: which
// elements of which parameters make each tensor of the target. It is for
// tests, of the rows and of the plugin as a process.
package mappingtest

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// nested marks a target of layers that are stacked twice: of every six, the
// first five. listed marks names that are written out, first and last alone.
const (
	nested = "{0,1,2,3,4,6..}"
	listed = " | "
)

var (
	// apart matches layers that a stacked table has unstacked.
	apart  = regexp.MustCompile(`remainder|^params-decoder-layers_[0-9]`)
	counts = regexp.MustCompile(`^((?:\[[0-9]+\])+) (.*)$`)
	span   = regexp.MustCompile(`\{([0-9]+)\.\.([0-9]+)(?:/([0-9]+))?\}`)
)

// Tables lists the tables, by model and whether its layers are stacked.
func Tables() []string {
	var out []string
	for name, md := range models {
		if !md.unstacked {
			out = append(out, name+".scan")
		}
		out = append(out, name+".unscan")
	}
	sort.Strings(out)
	return out
}

// Table is one expanded table, by target.
type Table struct {
	dims
	made map[string]made
}

// made says of what a target is made.
type made struct {
	keys  []string  // parameters, side by side
	at    []plan.At // which of their elements
	hooks string    // what upstream does to them, in order
}

func (m made) String() string {
	var parts []string
	for _, k := range m.keys {
		parts = append(parts, k+indexText(m.at))
	}
	return strings.Join(parts, " ")
}

// Read expands one table of dir: which elements of which parameters make each
// target, and the request to plan a checkpoint of the model's published size
// that has them all. Lists are nested experts first, so that the layer's axis
// is the last of those that are taken apart.
func Read(t *testing.T, dir, name string) (Table, sdk.PlanRequest) {
	t.Helper()
	return read(t, dir, name, models[modelOf(name)])
}

func modelOf(name string) string {
	model, _, _ := strings.Cut(name, ".scan")
	model, _, _ = strings.Cut(model, ".unscan")
	return model
}

func read(t *testing.T, dir, name string, md model) (Table, sdk.PlanRequest) {
	t.Helper()
	want, m := readMapping(t, dir, name, md)
	return Table{md.dims, want}, sdk.PlanRequest{
		Conversion: "model", Output: sdk.Output{Format: "huggingface", Args: map[string]any{"template": "none"}},
		Sources: []sdk.Source{{Name: "base", Role: "source", Weight: 1, Args: map[string]any{"model": modelOf(name)}, Manifest: m}},
	}
}

// Check is what the host does with a plugin's answer: the plan must pass the
// ledger.
func Check(t *testing.T, req sdk.PlanRequest, resp *sdk.PlanResponse) {
	t.Helper()
	ds := resp.Diagnostics
	if resp.Plan != nil {
		ds = append(ds, plan.Check(resp.Plan, plan.Manifests{"base": req.Sources[0].Manifest})...)
	}
	if ds.HasErrors() {
		s := ds.Error()
		t.Fatal(s[:min(2000, len(s))])
	}
}

// Compare checks that a plan makes every target of a table of the elements that
// the table says, and nothing else.
func Compare(t *testing.T, want Table, p *plan.Plan) {
	t.Helper()
	got := map[string]string{}
	for _, x := range p.Tensors {
		got[x.Name] = planned(x)
	}
	if len(got) != len(want.made) {
		t.Errorf("%d targets, the table has %d", len(got), len(want.made))
	}
	shown := 0
	for n, m := range want.made {
		if got[n] != m.String() && shown < 10 {
			shown++
			t.Errorf("%s: %s", n, cmp.Diff(m.String(), got[n]))
		}
	}
}

// eachRow visits the rows of a table whose keys the model has.
func eachRow(t *testing.T, dir, name string, md model, visit func(cols []string)) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, name+".tsv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for sc := bufio.NewScanner(z); sc.Scan(); {
		cols := strings.Split(sc.Text(), "\t")
		if strings.HasPrefix(cols[0], "#") || md.without != "" && regexp.MustCompile(md.without).MatchString(cols[0]) && !strings.HasPrefix(cols[0], "params-decoder-decoder_norm") && !strings.Contains(cols[0], "layer_norm-") {
			continue
		}
		if md.few > 0 {
			cols[1] = allExperts.ReplaceAllString(cols[1], fmt.Sprintf("[%d]${1}{0..%d}", md.few, md.few-1))
		}
		visit(cols)
	}
}

// allExperts matches a target of which every expert has one; theirs is the
// first count.
var allExperts = regexp.MustCompile(`^\[[0-9]+\](.*\.experts\.)\{0\.\.[0-9]+\}`)

// parameter is the name of a table's key in a checkpoint, and what of it is
// below its collection.
func parameter(key string) (name, leaf string) {
	leaf = strings.ReplaceAll(strings.TrimPrefix(key, "params-"), "-", "/")
	if !strings.HasPrefix(key, "params-") { // a collection of its own
		return "params/" + leaf, leaf
	}
	return "params/params/" + leaf, leaf
}

func readMapping(t *testing.T, dir, name string, md model) (map[string]made, *manifest.Manifest) {
	t.Helper()
	want, m := map[string]made{}, &manifest.Manifest{}
	scanned := strings.HasSuffix(name, ".scan")
	var lengths []int // of the last stack
	eachRow(t, dir, name, md, func(cols []string) {
		var keys []string
		nowhere := cols[1] == "None" // stands beside others of the same stack
		layered := scanned && !apart.MatchString(cols[0]) && (strings.Contains(cols[1], "[") || nowhere)
		if layered && !nowhere {
			lengths = stackLengths(t, cols[1])
		}
		for _, k := range strings.Split(cols[0], "+") {
			name, leaf := parameter(k)
			shape := md.at(leaf).shape(t, leaf)
			if layered {
				at := min(1, len(shape))
				shape = append(append(append(tensor.Shape{}, shape[:at]...), lengths...), shape[at:]...)
			}
			keys = append(keys, name)
			m.Tensors = append(m.Tensors, manifest.Tensor{Name: name, DType: tensor.BFloat16, Shape: shape})
		}
		if nowhere {
			return
		}
		for target, at := range expandTargets(t, cols[1], layered) {
			before, again := want[target]
			if again && !strings.HasPrefix(cols[2], "split_") { // the import's hook: parts of one target, in order
				t.Fatalf("%s stands twice", target)
			}
			want[target] = made{append(before.keys, keys...), at, cols[2]}
		}
	})
	m.Sort()
	return want, m
}

// stackLengths are a target's counts of layers: of "[8][32] …", whose first are
// experts, 32; of layers that are stacked twice both; of pairs of names the first.
func stackLengths(t *testing.T, target string) []int {
	var out []int
	for _, m := range regexp.MustCompile(`\[([0-9]+)\]`).FindAllStringSubmatch(target, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	switch {
	case strings.Contains(target, nested):
		return out
	case strings.Contains(target, listed):
		return out[:1]
	}
	return out[len(out)-1:]
}

var layerOf = regexp.MustCompile(`\.layers\.([0-9]+)\.`)

// expandListed writes out "[10][2] …0.x | …0.z | …4.x…": two names, of each of
// ten layers four apart; or "[2] …0.x | …0.z…".
func expandListed(t *testing.T, count, list string, layered bool) map[string][]plan.At {
	t.Helper()
	names := strings.Split(strings.TrimSuffix(list, "…"), listed)
	out := map[string][]plan.At{}
	if !layered {
		if count != "[2]" || len(names) != 2 {
			t.Fatalf("%s %s: not a pair", count, list)
		}
		out[names[0]], out[names[1]] = nil, nil
		return out
	}
	if !strings.HasSuffix(count, "[2]") || len(names) != 3 {
		t.Fatalf("%s %s: not pairs", count, list)
	}
	at := func(name string) int {
		n, err := strconv.Atoi(layerOf.FindStringSubmatch(name)[1])
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	first, step := at(names[0]), at(names[2])-at(names[0])
	for j := range stackLengths(t, count+listed)[0] {
		for _, n := range names[:2] {
			out[layerOf.ReplaceAllString(n, fmt.Sprintf(".layers.%d.", first+j*step))] = []plan.At{{Axis: 1, Pos: j}}
		}
	}
	return out
}

// expandTargets writes out "[8][32] model.layers.{0..31}.experts.{0..7}.w1"
// with the positions that each name has.
func expandTargets(t *testing.T, s string, layered bool) map[string][]plan.At {
	t.Helper()
	c := counts.FindStringSubmatch(s)
	if c == nil {
		return map[string][]plan.At{s: nil}
	}
	if strings.Contains(c[2], listed) {
		return expandListed(t, c[1], c[2], layered)
	}
	out := map[string][]plan.At{}
	if strings.Contains(c[2], nested) {
		n := stackLengths(t, s)
		for j := range n[0] {
			for i := range n[1] {
				out[strings.Replace(c[2], nested, strconv.Itoa(6*j+i), 1)] = []plan.At{{Axis: 1, Pos: j}, {Axis: 2, Pos: i}}
			}
		}
		return out
	}
	var walk func(rest, name string, at []int)
	walk = func(rest, name string, at []int) {
		loc := span.FindStringSubmatchIndex(rest)
		if loc == nil {
			switch {
			case len(at) == 0: // a stack of one
				out[name+rest] = []plan.At{{Axis: 1, Pos: 0}}
			case len(at) == 1 && layered:
				out[name+rest] = []plan.At{{Axis: 1, Pos: at[0]}}
			case len(at) == 1:
				out[name+rest] = []plan.At{{Axis: 0, Pos: at[0]}}
			default: // the layer stands first in the name, second in the array
				out[name+rest] = []plan.At{{Axis: 0, Pos: at[1]}, {Axis: 1, Pos: at[0]}}
			}
			return
		}
		sub := span.FindStringSubmatch(rest)
		lo, _ := strconv.Atoi(sub[1])
		hi, _ := strconv.Atoi(sub[2])
		step := 1
		if sub[3] != "" {
			step, _ = strconv.Atoi(sub[3])
		}
		for k, v := 0, lo; v <= hi; k, v = k+1, v+step {
			walk(rest[loc[1]:], name+rest[:loc[0]]+strconv.Itoa(v), append(append([]int{}, at...), k))
		}
	}
	walk(c[2], "", nil)
	return out
}

func planned(x plan.Tensor) string {
	var parts []string
	plan.Sources(x.Expr, func(s *plan.Source) {
		if p := s.Name + indexText(s.Index); len(parts) == 0 || parts[len(parts)-1] != p { // segments of one element
			parts = append(parts, p)
		}
	})
	return strings.Join(parts, " ")
}

func indexText(at []plan.At) string {
	if len(at) == 0 {
		return ""
	}
	var parts []string
	for _, a := range at {
		parts = append(parts, fmt.Sprintf("axis %d: %d", a.Axis, a.Pos))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
