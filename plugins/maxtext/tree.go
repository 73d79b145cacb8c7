package maxtext

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/sdk"
)

// layout is what one source's tree tells by its names and shapes.
type layout struct {
	root    string // before every parameter, with its slash: "params/params/", "params/", "base/" or ""
	kind    string // "base", "lora" or "both"
	scanned string // "scanned", "unscanned" or "" where there is no layer
	axis    int    // along which layers are stacked, -1 where the shapes do not tell
	apart   int    // along which variables that are no parameters are stacked, -1: as parameters are
	ranks   map[string]int
	params  *manifest.Manifest // the parameters of the model alone
	drops   []plan.Drop
}

// roots are the collections that may hold the parameters: a Linen train state
// keeps them twice nested, beside its optimizer; older saves once; Tunix's RL
// trainer below "base"; its SFT trainer at the top.
var roots = []string{"params/params/", "params/", "base/"}

// beside says why collections beside the parameters are left out.
var beside = map[string]string{
	"opt_state":       "optimizer state: not part of the model",
	"optimizer":       "optimizer state: not part of the model",
	"optimizer_state": "optimizer state: not part of the model",
	"step":            "the number of the step: not part of the model",
	"nnx_aux":         "state of random number generators and other variables of the run: not part of the model",
	"rngs":            "state of a random number generator: not part of the model",
}

// variables are what a model has beside its parameters, in MaxText's
// DeepSeek V4: layers/moe.py Tid2EidVar and MoEBiasVar. Linen keeps each kind in
// a collection of its own beside params/params, a train state of NNX
// (common/train_state_nnx.py to_checkpoint_dict) in nnx_aux with much that is not
// the model's. NNX stacks them along axis 0 (layers/nnx_scan.py).
var variables = regexp.MustCompile(`^(params/(MoEBiasVar|Tid2EidVar)/|nnx_aux/model/(.*/)?MoeBlock_0/(tid2eid|gate/bias)$)`)

// readLayouts looks at every tree, and refuses another framework's in one sentence,
// where it would be asked for its model, or its shapes compared with another's.
func (c *conversion) readLayouts() {
	for i := range c.req.Sources {
		s := &c.req.Sources[i]
		l := readLayout(s)
		c.layouts = append(c.layouts, l)
		if l.has("decoder/", "token_embedder/", "vision_encoder/", "audio_encoder/") {
			continue
		}
		found, hint := "it is empty", "name the step directory, or the item of it that holds the model"
		if n := len(s.Manifest.Tensors); n > 0 {
			found = fmt.Sprintf("the first of its %d is %s", n, s.Manifest.Tensors[0].Name)
		}
		if s.Manifest.Format != "" && s.Manifest.Format != "orbax" {
			hint = "this is no Orbax checkpoint; name the one that MaxText saved"
		}
		c.fail(diag.Keys, "not-maxtext", "The checkpoint is not MaxText's", c.source(s, "path"),
			"no parameter of source %q is below decoder/, as all of a MaxText model's layers are; %s; %s", s.Name, found, hint)
	}
}

// readLayout finds the parameters in a source's tree. What is neither below
// the root nor known to stand beside it stays unaccounted for, and the host
// refuses it by name.
func readLayout(s *sdk.Source) *layout {
	l := &layout{ranks: map[string]int{}, axis: -1, apart: -1}
	m := s.Manifest
	for _, r := range roots {
		if anyUnder(m, r) {
			l.root = r
			break
		}
	}
	if l.root == "" || l.root == "base/" {
		l.apart = 0
	}
	params := *m
	params.Tensors = nil
	for _, t := range m.Tensors {
		top, _, _ := strings.Cut(t.Name, "/")
		why, known := beside[top]
		switch {
		case l.root == "params/params/" && variables.MatchString(t.Name):
			params.Tensors = append(params.Tensors, t)
			if top == "nnx_aux" {
				l.apart = 0
			}
		case known && !strings.HasPrefix(t.Name, l.root+top+"/decoder"):
			l.drops = append(l.drops, plan.Drop{From: s.Name, Name: t.Name, Reason: why, Rule: top})
		case strings.HasPrefix(t.Name, l.root):
			params.Tensors = append(params.Tensors, t)
		}
	}
	l.params = &params
	l.look()
	return l
}

func anyUnder(m *manifest.Manifest, prefix string) bool {
	for i := range m.Tensors {
		if strings.HasPrefix(m.Tensors[i].Name, prefix) {
			return true
		}
	}
	return false
}

var (
	stackedLayer = regexp.MustCompile(`(^|/)(layers|dense_layers|moe_layers|scanned_blocks)/([^0-9]|$)`)
	numbered     = regexp.MustCompile(`(^|/)(layers|dense_layers|moe_layers)(_|/)[0-9]+/`)
	norm         = regexp.MustCompile(`norm(_local|_global)?/scale$`) // Gemma 2's layers hold two of each
	factorA      = regexp.MustCompile(`(_lora_a|/lora_a\.kernel)$`)
	factorB      = regexp.MustCompile(`(_lora_b|/lora_b\.kernel)$`)
)

// look reads kind, ranks and how layers are stacked off names and shapes.
func (l *layout) look() {
	var lora, base bool
	width := 0
	if t := l.params.Lookup(l.root + "decoder/decoder_norm/scale"); t != nil && len(t.Shape) == 1 {
		width = t.Shape[0]
	}
	for _, t := range l.params.Tensors {
		name := strings.TrimPrefix(t.Name, l.root)
		if strings.Contains(name, "/rngs/") {
			continue
		}
		switch {
		case stackedLayer.MatchString(name):
			l.scanned = "scanned"
		case l.scanned == "" && numbered.MatchString(name):
			l.scanned = "unscanned"
		}
		switch {
		case factorA.MatchString(name):
			lora = true
			if n := len(t.Shape); n > 0 {
				l.ranks[t.Name] = t.Shape[n-1]
			}
		case factorB.MatchString(name), strings.Contains(name, "lora"): // or a strange one, which a row refuses
			lora = true
		default:
			base = true
		}
		if s := t.Shape; l.axis < 0 && width > 0 && len(s) == 2 && s[0] != s[1] && norm.MatchString(name) && stackedLayer.MatchString(name) {
			switch width {
			case s[0]:
				l.axis = 1
			case s[1]:
				l.axis = 0
			}
		}
	}
	if l.axis < 0 {
		l.axis = l.factorsAxis()
	}
	switch {
	case lora && base:
		l.kind = "both"
	case lora:
		l.kind = "lora"
	default:
		l.kind = "base"
	}
}

// hasBase reports whether a base model is there, and not just some leaf that is
// no factor: each has an embedding.
func (l *layout) hasBase() bool { return l.params.Lookup(l.root+"token_embedder/embedding") != nil }

func (l *layout) lora() bool { return l.kind != "base" }

// factorsAxis is the axis of stacked factors, where the shapes of a pair leave
// one possibility:
//
//	axis 1: A [in, layers, rank], B [rank, layers, out]
//	axis 0: A [layers, in, rank], B [layers, rank, out]
func (l *layout) factorsAxis() int {
	axis := -1
	for _, t := range l.params.Tensors {
		stem, ok := strings.CutSuffix(t.Name, "_lora_a")
		if !ok || len(t.Shape) != 3 || !stackedLayer.MatchString(t.Name[len(l.root):]) {
			continue
		}
		b := l.params.Lookup(stem + "_lora_b")
		if b == nil || len(b.Shape) != 3 {
			continue
		}
		first := t.Shape[0] == b.Shape[0] && t.Shape[2] == b.Shape[1]
		second := t.Shape[1] == b.Shape[1] && t.Shape[2] == b.Shape[0]
		this := -1
		switch {
		case second && !first:
			this = 1
		case first && !second:
			this = 0
		}
		if this >= 0 && axis >= 0 && this != axis {
			return -1 // the sizes will not come out, and are reported
		}
		axis = max(axis, this)
	}
	return axis
}

// has reports whether a parameter lies below one of the model's parts.
func (l *layout) has(parts ...string) bool {
	return slices.ContainsFunc(l.params.Tensors, func(t manifest.Tensor) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.HasPrefix(t.Name[len(l.root):], part) })
	})
}
