package mappingtest

import (
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/tensor"
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
