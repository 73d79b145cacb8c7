package maxtext

import (
	"encoding/json"
	"fmt"
	"slices"
	"sort"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/sdk"
)

// metadata is what common/checkpointing.py save_checkpoint leaves in a step's
// _CHECKPOINT_METADATA. Tunix's trainers leave nothing.
type metadata struct {
	ScanLayers *bool `json:"scan_layers"`
	Lora       *struct {
		Rank      *float64 `json:"lora_rank"`
		Alpha     *float64 `json:"lora_alpha"`
		Quantized *string  `json:"lora_weight_qtype"`
	} `json:"lora"`
}

// readMetadata reads a step's document. What is not there is not an error; what
// is there and of another type is.
func readMetadata(b []byte) (metadata, error) {
	var doc struct {
		Custom metadata `json:"custom_metadata"`
	}
	if len(b) == 0 {
		return metadata{}, nil
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return metadata{}, err
	}
	return doc.Custom, nil
}

// adapter is what scales the LoRA of one source.
type adapter struct {
	alpha     float64
	alphaFrom string
}

// settle reads what a source says of itself, in the spec, in its metadata, and
// in its names and shapes, and refuses what contradicts.
func (c *conversion) settle(s *sdk.Source, l *layout) {
	md, err := readMetadata(s.Manifest.Metadata)
	if err != nil {
		c.fail(diag.Keys, "metadata-unreadable", "The checkpoint's metadata cannot be read", c.source(s), "source %q: _CHECKPOINT_METADATA holds another type than MaxText writes: %v", s.Name, err)
	}
	if kind, ok := s.Args["kind"].(string); ok && kind != l.kind {
		c.fail(diag.Usage, "spec-contradicts", "The spec contradicts the checkpoint", c.source(s, "kind"), `kind = %q, but source %q holds %s`, kind, s.Name, holds[l.kind])
	}
	said, isSaid := s.Args["scan_layers"].(bool)
	for _, x := range []struct {
		said  bool
		where string
		class diag.Class
		is    bool
	}{{said, "the spec", diag.Usage, isSaid}, {md.ScanLayers != nil && *md.ScanLayers, "the checkpoint's metadata", diag.Keys, md.ScanLayers != nil}} {
		if x.is && l.scanned != "" && x.said != (l.scanned == "scanned") {
			c.fail(x.class, "spec-contradicts", "The layers are not stored as was said", c.source(s, "scan_layers"), "%s says scan_layers = %v, but by its names source %q is %s", x.where, x.said, s.Name, l.scanned)
		}
	}
	if l.lora() && c.method != "base" {
		c.adapters[s.Name] = c.settleLora(s, l, md)
	}
}

var holds = map[string]string{"base": "a base model and no LoRA", "lora": "LoRA factors alone", "both": "a base model and LoRA factors"}

func (c *conversion) settleLora(s *sdk.Source, l *layout, md metadata) adapter {
	args, _ := s.Args["lora"].(map[string]any)
	if rank, ok := args["rank"].(float64); ok {
		c.checkRank(s, l, rank, diag.Usage, "the spec says rank")
	}
	var stored *float64
	if md.Lora != nil {
		stored = md.Lora.Alpha
		if md.Lora.Rank != nil {
			c.checkRank(s, l, *md.Lora.Rank, diag.Keys, "the checkpoint's metadata says lora_rank")
		}
		if md.Lora.Quantized != nil && *md.Lora.Quantized != "" {
			base := "the merge uses the base that the spec names, which is not quantized"
			if c.method == "adapter" {
				base = "the base that the adapter will be loaded on is another unless it is quantized in the same way"
			}
			c.resp.Diagnostics.Warnf("qlora-base", "The adapter was trained on a quantized base", "source %q: lora_weight_qtype is %q; %s, so the result is not what was trained to the bit", s.Name, *md.Lora.Quantized, base).Path = c.source(s)
		}
	}
	alpha, isSaid := args["alpha"].(float64)
	switch {
	case isSaid && stored != nil && *stored > 0 && *stored != alpha:
		c.fail(diag.Usage, "spec-contradicts", "The spec contradicts the checkpoint", c.source(s, "lora", "alpha"), "alpha = %v, but the checkpoint's metadata says lora_alpha %v", alpha, *stored)
	case isSaid && alpha <= 0:
		c.fail(diag.Usage, "alpha-invalid", "Alpha must be positive", c.source(s, "lora", "alpha"), "found %v", alpha)
	case isSaid:
		return adapter{alpha, "lora.alpha in the spec"}
	case stored != nil && *stored > 0:
		return adapter{*stored, "the checkpoint's metadata"}
	case stored != nil:
		c.fail(diag.Usage, "alpha-unknown", "The LoRA's alpha is not known", c.source(s), "the metadata of source %q says lora_alpha %v, with which LoRA has no effect: it was forgotten in the training configuration. Give the alpha that is meant in the source block, as lora { alpha = 32 }", s.Name, *stored)
	default:
		c.fail(diag.Usage, "alpha-unknown", "The LoRA's alpha is not known", c.source(s), "MaxText scales LoRA by alpha/rank, and source %q does not hold alpha: Tunix's saves never do. Give it in the source block, as lora { alpha = 32 }: lora_alpha in the configuration that the run was started with", s.Name)
	}
	return adapter{}
}

func (c *conversion) checkRank(s *sdk.Source, l *layout, want float64, class diag.Class, who string) {
	names := make([]string, 0, len(l.ranks))
	for n := range l.ranks {
		names = append(names, n)
	}
	sort.Strings(names)
	if i := slices.IndexFunc(names, func(n string) bool { return float64(l.ranks[n]) != want }); i >= 0 {
		c.fail(class, "spec-contradicts", "The LoRA has another rank", c.source(s, "lora", "rank"), "%s %v, but %s has rank %d", who, want, names[i], l.ranks[names[i]])
	}
}

// scale is how plan prints a source's scale.
func (a adapter) scale(l *layout) string {
	ranks := map[int]bool{}
	one := 0
	for _, r := range l.ranks {
		ranks[r], one = true, r
	}
	if len(ranks) == 1 {
		return fmt.Sprintf("%v/%d", a.alpha, one)
	}
	return fmt.Sprintf("%v/rank", a.alpha)
}
