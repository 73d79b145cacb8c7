// Package mappingtest reads the tables of MaxText's own exporter: which
// elements of which parameters make each tensor of the target. It is for
// tests, of the rows and of the plugin as a process.
package mappingtest

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"maps"
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

// dims are the sizes of a published model, by the letters of shapes.
type dims map[string]int

// model says how large a model is, and which keys of its table it does not
// have: a table serves several models.
type model struct {
	dims
	without string
	// cycle says that every so many layers are global, with sizes GK and GD; wide
	// from which layer on the MLP is WM wide.
	cycle, wide int
	unstacked   bool // there is no table for stacked layers
	few         int  // how many experts the table's rows are cut down to; 0: to none
}

// at is the sizes of a parameter's layer.
func (md model) at(leaf string) dims {
	l := -1
	if m := unstackedLayer.FindStringSubmatch(leaf); m != nil {
		l, _ = strconv.Atoi(m[1])
	}
	out := maps.Clone(md.dims)
	if strings.Contains(leaf, "/global_layer/") || md.cycle > 0 && l%md.cycle == md.cycle-1 {
		out["D"], out["K"] = md.dims["GD"], md.dims["GK"]
	}
	if md.wide > 0 && l >= md.wide {
		out["M"] = md.dims["WM"]
	}
	return out
}

var unstackedLayer = regexp.MustCompile(`^decoder/layers_([0-9]+)/`)

// The sizes are those of the models' config.json; V is padded where MaxText
// pads it.
var models = map[string]model{
	"llama3.1-8b":        {dims: dims{"E": 4096, "H": 32, "K": 8, "D": 128, "M": 14336, "V": 128256}},
	"mixtral-8x7b":       {dims: dims{"E": 4096, "H": 32, "K": 8, "D": 128, "X": 8, "F": 14336, "V": 32000}},
	"qwen2.5-7b":         {dims: dims{"E": 3584, "H": 28, "K": 4, "D": 128, "M": 18944, "V": 152064}, without: "_norm-scale$"},
	"qwen3-0.6b":         {dims: dims{"E": 1024, "H": 16, "K": 8, "D": 128, "M": 3072, "V": 151936}, without: "-bias$|logits_dense"},
	"qwen3-30b-a3b":      {dims: dims{"E": 2048, "H": 32, "K": 4, "D": 128, "X": 128, "F": 768, "V": 151936}, without: "-bias$"},
	"qwen3-next-80b-a3b": {dims: dims{"E": 2048, "H": 16, "K": 2, "D": 256, "QD": 512, "X": 512, "F": 512, "S": 512, "Z": 12288, "BA": 64, "C": 8192, "VH": 32, "VD": 128, "VW": 4096, "V": 151936}},
	"gemma2-2b":          {dims: dims{"E": 2304, "H": 8, "K": 4, "D": 256, "M": 9216, "V": 256128}},
	"qwen3.5-35b-a3b": {dims: dims{
		"E": 2048, "H": 16, "K": 2, "D": 256, "QD": 512, "X": 256, "F": 512, "S": 512, "Z": 12288, "BA": 64, "C": 8192, "VH": 32, "VD": 128, "VW": 4096, "V": 248320,
		"ve": 1152, "vn": 16, "vh": 72, "vf": 4304, "vp": 2304, "vm": 4608,
	}},
	"gemma3-4b": {dims: dims{
		"E": 2560, "H": 8, "K": 4, "D": 256, "M": 10240, "V": 262144,
		"ve": 1152, "vn": 16, "vh": 72, "vf": 4304, "vp": 4096,
	}},
	"gemma4-26b": {dims: dims{
		"E": 2816, "H": 16, "K": 8, "D": 256, "GK": 2, "GD": 512, "S": 2112, "X": 128, "F": 704, "V": 262144,
		"ve": 1152, "vn": 16, "vh": 72, "vf": 4304, "vp": 10240, "vi": 768,
	}, cycle: 6},
	"gemma4-31b": {dims: dims{
		"E": 5376, "H": 32, "K": 16, "D": 256, "GK": 4, "GD": 512, "M": 21504, "V": 262144,
		"ve": 1152, "vn": 16, "vh": 72, "vf": 4304, "vp": 10240, "vi": 768,
	}, cycle: 6},
	// The table sends the tower's std_scale and std_bias, which the target does not have, to another name.
	"gemma4-e2b": {dims: dims{
		"E": 1536, "H": 8, "K": 1, "D": 256, "GK": 1, "GD": 512, "M": 6144, "WM": 12288, "V": 262144, "P": 256, "PL": 35 * 256,
		"ve": 768, "vn": 12, "vh": 64, "vf": 3072, "vp": 10240, "vi": 768,
	}, without: "std_(scale|bias)$", cycle: 5, wide: 15, unstacked: true},
	"gpt-oss-20b":    {dims: dims{"E": 2880, "H": 64, "K": 8, "D": 64, "X": 32, "F": 2880, "V": 201088}},
	"deepseek2-16b":  {dims: dims{"E": 2048, "H": 16, "QD": 192, "CR": 512 + 64, "C": 512, "KV": 256, "OD": 128, "M": 10944, "X": 64, "F": 1408, "S": 2816, "V": 102400}, without: "-wq_[ab]-|-q_norm-|indexer|gate-bias"},
	"deepseek3-671b": {dims: dims{"E": 7168, "H": 128, "Q": 1536, "QD": 192, "CR": 512 + 64, "C": 512, "KV": 256, "OD": 128, "M": 18432, "X": 256, "F": 2048, "S": 2048, "V": 129280}, without: "-query-kernel|indexer"},
	"deepseek4-284b": {dims: dims{
		"E": 4096, "H": 64, "K": 1, "D": 512, "Q": 1024, "C": 512, "X": 256, "F": 2048, "S": 2048, "V": 129280,
		"k": 4, "kk": 16, "kE": 16384, "o": 8, "oi": 4096, "a": 1024, "oa": 8192, "x": 6, "2D": 1024, "cs": 4, "ch": 128, "IN": 64, "IH": 128, "2IH": 256, "II": 8192,
	}},
	"deepseek3.2-671b":   {dims: dims{"E": 7168, "H": 128, "Q": 1536, "QD": 192, "CR": 512 + 64, "C": 512, "KV": 256, "OD": 128, "M": 18432, "X": 256, "F": 2048, "S": 2048, "V": 129280, "IN": 64, "IH": 128}, without: "-query-kernel"},
	"qwen3-vl-2b":        {dims: dims{"E": 2048, "H": 16, "K": 8, "D": 128, "M": 6144, "V": 151936, "ve": 1024, "vn": 16, "vh": 64, "vf": 4096, "vp": 2304, "vm": 4096}, without: "^params-decoder.*-bias$|logits_dense"},
	"qwen3-vl-30b-a3b":   {dims: dims{"E": 2048, "H": 32, "K": 4, "D": 128, "X": 128, "F": 768, "V": 151936, "ve": 1152, "vn": 16, "vh": 72, "vf": 4304, "vp": 2304, "vm": 4608}, without: "^params-decoder.*-bias$"},
	"qwen3-omni-30b-a3b": {dims: dims{"E": 2048, "H": 32, "K": 4, "D": 128, "X": 128, "F": 768, "V": 152064, "ve": 1152, "vn": 16, "vh": 72, "vf": 4304, "vp": 2304, "vm": 4608, "ac": 480, "aw": 7680, "ae": 1280, "an": 20, "ah": 64, "af": 5120}, without: "^params-decoder.*-bias$"},
	"olmo3-7b":           {dims: dims{"E": 4096, "H": 32, "K": 32, "D": 128, "QN": 4096, "KN": 4096, "M": 11008, "V": 100352}},
}

// shapes are the axes of a leaf, unscanned: the first that matches.
var shapes = compiled([]struct{ leaf, axes string }{
	// Vision towers and audio towers.
	{`patch_embed/proj/kernel$`, "2 16 16 3 ve"}, {`(patch_embed/proj/bias|ln[12]/(scale|bias)|mlp_out/bias|Projector_0/merger/ln_q/(scale|bias))$`, "ve"}, {`pos_embed$`, "vp ve"},
	{`blocks_[0-9]+/attn/attn/(query|key|value)/kernel$`, "ve vn vh"}, {`blocks_[0-9]+/attn/attn/(query|key|value)/bias$`, "vn vh"},
	{`blocks_[0-9]+/attn/attn/out/kernel$`, "vn vh ve"}, {`blocks_[0-9]+/attn/attn/out/bias$`, "ve"},
	{`blocks_[0-9]+/mlp/kernel$`, "ve vf"}, {`blocks_[0-9]+/mlp/bias$`, "vf"}, {`mlp_out/kernel$`, "vf ve"},
	{`merger_[0-9]+/ln_q/(scale|bias)$`, "vm"}, {`mlp_0/kernel$`, "vm vm"}, {`mlp_0/bias$`, "vm"}, {`mlp_2/kernel$`, "vm E"}, {`mlp_2/bias$`, "E"},
	{`conv2d1/kernel$`, "3 3 1 ac"}, {`conv2d[23]/kernel$`, "3 3 ac ac"}, {`conv2d[123]/bias$`, "ac"}, {`conv_out/kernel$`, "aw ae"},
	{`self_attention_audio/(query|key|value)/kernel$`, "ae an ah"}, {`self_attention_audio/(query|key|value)/bias$`, "an ah"},
	{`self_attention_audio/out/kernel$`, "an ah ae"}, {`AudioMLP/wi/kernel$`, "ae af"}, {`AudioMLP/wi/bias$`, "af"}, {`AudioMLP/wo/kernel$`, "af ae"},
	{`proj1/kernel$`, "ae ae"}, {`proj2/kernel$`, "ae E"}, {`proj2/bias$`, "E"}, {`^audio_encoder/.*(scale|bias)$`, "ae"},
	{`^vision_encoder/.*(query|key)_norm/scale$`, "vh"}, {`^vision_encoder/.*(query|key|value)/kernel$`, "ve vn vh"}, {`^vision_encoder/.*(query|key|value)/bias$`, "vn vh"},
	{`^vision_encoder/.*/out/kernel$`, "vn vh ve"}, {`^vision_encoder/.*/mlp/wi_[01]/kernel$`, "ve vf"}, {`^vision_encoder/.*/mlp/wo/kernel$`, "vf ve"},
	{`Dense_0/kernel$`, "ve vf"}, {`Dense_0/bias$`, "vf"}, {`Dense_1/kernel$`, "vf ve"},
	{`Gemma3VisionEncoderLayer_0/embedding/kernel$`, "14 14 3 ve"}, {`/pos_embedding$`, "1 vp ve"}, {`mm_input_projection/w$`, "ve E"},
	{`vision_entry/input_projection/kernel$`, "vi ve"}, {`pos_emb_param$`, "vp 2 ve"}, {`VisionProjector_0/projection/kernel$`, "ve E"}, {`/std_(scale|bias)$`, "ve"},
	{`^vision_encoder/.*(scale|bias)$`, "ve"},
	// DeepSeek V4.
	{`tid2eid$`, "V x"}, {`hc_fn$`, "kE k"}, {`hc_base$`, "k"}, {`hc_scale$`, "1"}, {`wkv/kernel$`, "E K D"}, {`o_a_proj/kernel$`, "o oi a"}, {`o_b_proj/kernel$`, "oa E"},
	{`mhc_norm/scale$`, "kE"}, {`(pre|post)_alpha$`, "kE k"}, {`res_alpha$`, "kE kk"}, {`(pre|post)_beta$`, "k"}, {`res_beta$`, "k k"}, {`_alpha_scale$`, "1"},
	{`compressor/indexer/(kv|gate)_proj/kernel$`, "E 2IH"}, {`indexer/q_proj/kernel$`, "Q II"}, {`compressor/indexer/weights_proj/kernel$`, "E IN"}, {`indexer/position_bias$`, "cs 2IH"}, {`indexer/kv_norm/scale$`, "IH"},
	{`csa_compressor/(kv|gate)_proj/kernel$`, "E 2D"}, {`csa_compressor/position_bias$`, "cs 2D"}, {`hca_compressor/(kv|gate)_proj/kernel$`, "E D"}, {`hca_compressor/position_bias$`, "ch D"}, {`compressor/kv_norm/scale$`, "D"},
	// Language models.
	{`embed_tokens_per_layer$`, "V PL"}, {`per_layer_model_projection/kernel$`, "E PL"}, {`per_layer_projection_norm/scale$`, "P"},
	{`per_layer_input_gate/kernel$`, "E P"}, {`per_layer_projection/kernel$`, "P E"}, {`layer_scalar$`, "1"}, {`per_expert_scale$`, "X"}, {`pre_forward_scale_2$`, "E"},
	{`indexer/wq_b/kernel$`, "Q IN IH"}, {`indexer/wk/kernel$`, "E IH"}, {`indexer/weights_proj/kernel$`, "E IN"}, {`indexer/k_norm/(scale|bias)$`, "IH"},
	{`token_embedder/embedding$`, "V E"}, {`logits_dense/kernel$`, "E V"},
	{`wkv_a/kernel$`, "E CR"}, {`wkv_b/kernel$`, "C H KV"}, {`kv_norm/scale$`, "C"}, {`wq_a/kernel$`, "E Q"}, {`q_norm/scale$`, "Q"}, {`wq_b/kernel$`, "Q H QD"},
	{`attention/attention/out/kernel$`, "HD E"}, {`query/kernel$`, "E H QD"}, {`(key|value)/kernel$`, "E K D"}, {`out/kernel$`, "H OD E"},
	{`query/bias$`, "H D"}, {`(key|value)/bias$`, "K D"}, {`out/bias$`, "E"}, {`sinks$`, "H"},
	{`query_norm/scale$`, "QN"}, {`key_norm/scale$`, "KN"}, {`rms_norm/scale$`, "VD"},
	{`shared_experts?/wi_[01]/kernel$`, "E S"}, {`shared_experts?/wo/kernel$`, "S E"}, {`shared_expert_gate/kernel$`, "E 1"},
	{`mlp(_local|_global)?/wi_[01]/kernel$`, "E M"}, {`mlp(_local|_global)?/wo/kernel$`, "M E"},
	{`wi_[01]$`, "X E F"}, {`wo$`, "X F E"}, {`wi_[01]_bias$`, "X F"}, {`wo_bias$`, "X E"}, {`gate/kernel$`, "E X"}, {`gate/bias$`, "X"},
	{`in_proj_qkvz/kernel$`, "E Z"}, {`in_proj_ba/kernel$`, "E BA"}, {`conv1d/kernel$`, "4 1 C"}, {`(A_log|dt_bias)$`, "VH"}, {`out_proj/kernel$`, "VW E"},
	{`/scale$`, "E"},
})

type leafShape struct {
	re   *regexp.Regexp
	axes string
}

func compiled(list []struct{ leaf, axes string }) []leafShape {
	var out []leafShape
	for _, s := range list {
		out = append(out, leafShape{regexp.MustCompile(s.leaf), s.axes})
	}
	return out
}

func (d dims) shape(t *testing.T, leaf string) tensor.Shape {
	t.Helper()
	for _, s := range shapes {
		if !s.re.MatchString(leaf) {
			continue
		}
		var out tensor.Shape
		for _, l := range strings.Fields(s.axes) {
			n, ok := d[l]
			switch {
			case ok:
			case l == "QD" || l == "OD" || l == "QN" || l == "KN":
				n = d["D"]
			case l == "HD":
				n = d["H"] * d["D"]
			default:
				var err error
				if n, err = strconv.Atoi(l); err != nil {
					t.Fatalf("%s: no size %q", leaf, l)
				}
			}
			out = append(out, n)
		}
		return out
	}
	t.Fatalf("no shape for %s", leaf)
	return nil
}

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
	defer f.Close()
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
