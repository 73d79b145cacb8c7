package rules

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/core/tensor"
)

// CodeInexpressible is reported for LoRA that is no product of two matrices
// beside a linear module's weight.
const CodeInexpressible = "adapter-inexpressible"

// Module is one linear module of an exported adapter, whose runtime computes
//
//	W[out, in] + Alpha/Rank * B[out, Rank] A[Rank, in]
type Module struct {
	Path  string  // as Input.Module spells it
	Rank  int     // of all its products together
	Alpha float64 // what Rank divides; it holds the adapters' weights and the scales of target rules
	Rule  string  // the row that made it
}

// block is one product of an adapter's module: all of its LoRA, or what one
// position of the diagonal letters adds.
type block struct {
	in    *instance
	pair  pair
	at    map[string]int // what fixes the factors' axes
	diag  map[string]int // positions of the letters that stay in the target
	rank  []rule.Axis    // the contracted letters
	sizes map[string]int
	scale float64
}

// adapterLine writes the two factors of one target, where it has LoRA.
//
//	W' = to(W + sum of scale A B)    so    delta = scale * to(A B)
//
// An axis of the target whose letters are of one factor alone moves with that
// factor. A letter that both factors and the target have makes a block for
// each of its positions, and so does a letter that stacks sources:
//
//	B = | B0  0 |    A = | A0 |
//	    |  0 B1 |        | A1 |
func (x *expansion) adapterLine(in *instance, sizes, at map[string]int, t *targetRule, target plan.Tensor) error {
	x.res.Targets = append(x.res.Targets, target)
	blocks, err := x.blocks(in, sizes, at, t)
	if err != nil || len(blocks) == 0 {
		return err
	}
	path, reason := x.module(in, target.Name, at)
	if reason == "" && len(in.to) != 2 {
		reason = fmt.Sprintf("its target has %d axes, and an adapter's product is a matrix", len(in.to))
	}
	if reason != "" {
		x.inexpressible(blocks[0], target.Name, reason)
		return nil
	}
	a, b, rank, err := x.diagonal(in, blocks, target.Name)
	if err != nil || a == nil {
		return err
	}
	if b, err = x.affine(in, sizes, b); err != nil || b == nil {
		return err
	}
	var stored []tensor.DType
	for _, one := range blocks {
		stored = append(stored, one.pair.a.t.DType, one.pair.b.t.DType)
	}
	d := x.dtype(in.row, t, widest(stored))
	x.res.Tensors = append(x.res.Tensors,
		plan.Tensor{Name: "base_model.model." + path + ".lora_A.weight", DType: d, Shape: tensor.Shape{rank, target.Shape[1]}, Rule: in.row.Name, Expr: a},
		plan.Tensor{Name: "base_model.model." + path + ".lora_B.weight", DType: d, Shape: tensor.Shape{target.Shape[0], rank}, Rule: in.row.Name, Expr: withoutOffset(b)})
	x.res.Modules = append(x.res.Modules, Module{Path: path, Rank: rank, Alpha: alphaOf(blocks[0].scale, rank), Rule: in.row.Name})
	if err := x.deltaLine(in, sizes, at, t, path); err != nil {
		return err
	}
	x.res.Merged += len(blocks)
	return nil
}

// diagonal brings the products together: their A above one another, their B
// beside one another, with the first one's scale for all. a is nil where that
// cannot be, which is reported.
func (x *expansion) diagonal(in *instance, blocks []block, target string) (a, b plan.Expr, rank int, err error) {
	scale := blocks[0].scale
	var as, bs []plan.Expr
	for _, one := range blocks {
		left, right, reason := one.sides()
		if reason == "" && one.scale != scale && (scale == 0 || one.scale == 0) {
			reason = "one of its adapters has scale 0, another has not; leave that one out"
		}
		if reason != "" {
			x.inexpressible(one, target, reason)
			return nil, nil, 0, nil
		}
		fb, err := one.factor(left, in.to[0], false)
		if err != nil {
			return nil, nil, 0, err
		}
		fa, err := one.factor(right, in.to[1], true)
		if err != nil {
			return nil, nil, 0, err
		}
		if one.scale != scale {
			fb = &plan.Affine{X: fb, Mul: float32(one.scale / scale)}
		}
		n, _ := measure(rule.Axis{Prod: one.rank}, one.sizes)
		rank += n
		as, bs = append(as, fa), append(bs, fb)
		if err := x.dropSegments(one); err != nil {
			return nil, nil, 0, err
		}
		x.used[elements(one.source(one.pair.a, one.pair.einsum.a))] = true
		x.used[elements(one.source(one.pair.b, one.pair.einsum.b))] = true
	}
	return side(as, 0), side(bs, 1), rank, nil
}

// alphaOf is the number that divided by rank gives scale; a whole number where
// one does.
func alphaOf(scale float64, rank int) float64 {
	alpha := scale * float64(rank)
	if whole := math.Round(alpha); whole/float64(rank) == scale {
		return whole
	}
	return alpha
}

// module is the path of the module that a target is the weight of.
func (x *expansion) module(in *instance, target string, at map[string]int) (path, reason string) {
	path, ok := strings.CutSuffix(target, ".weight")
	if in.row.Module != "" {
		name, err := x.targetName(in, in.row.Module, at)
		if err != nil {
			return "", err.Error()
		}
		path, ok = name, true
	}
	if !ok {
		return "", "it is no linear module's weight"
	}
	if x.Module != nil {
		return x.Module(path)
	}
	return path, ""
}

// inexpressible refuses a target's LoRA.
func (x *expansion) inexpressible(b block, target, reason string) {
	if x.tooMany() {
		return
	}
	d := x.res.Diagnostics.Errorf(diag.Keys, CodeInexpressible, "An adapter cannot express a LoRA",
		"%s, %s: %s; method = \"merge\" can", b.pair.a.t.Name, target, reason)
	d.Tensor, d.Rule = b.pair.a.t.Name, b.in.row.Name
}

// maxBlocks bounds the products of one pair on a diagonal: each of them is
// padded to the size of all. Models have one for each head, some hundred.
const maxBlocks = 1 << 10

// blocks lists the products that make a target's LoRA.
func (x *expansion) blocks(in *instance, sizes, at map[string]int, t *targetRule) ([]block, error) {
	if x.unmerged(t) != "" {
		return nil, nil
	}
	var out []block
	for bi, b := range in.bases {
		if in.row.Source == "" || !agrees(b.at, at) {
			continue
		}
		for pi, p := range in.loras[bi] {
			fixed, applies, err := x.positionsOf(in, p, at)
			if err != nil {
				return nil, err
			}
			if !applies {
				continue
			}
			scale, err := x.scale(in, bi, pi, sizes, t)
			if err != nil {
				x.faultOf(err, in.row.Name)
				return nil, nil
			}
			one := block{in: in, pair: p, at: fixed, diag: map[string]int{}, sizes: x.sizesOfPair(in, bi, pi, sizes), scale: scale}
			for _, l := range in.stack {
				if _, isFixed := at[l]; !isFixed {
					one.diag[l] = b.at[l]
				}
			}
			each := x.split(one)
			if each == nil {
				return nil, nil // reported
			}
			out = append(out, each...)
		}
	}
	return out, nil
}

// split takes a pair apart along the letters that both factors and the target
// have, one product for each of their positions; all else that both factors have
// is the rank.
func (x *expansion) split(one block) []block {
	as, bs, os := rule.Letters(one.in.unstacked(one.pair.einsum.a)), rule.Letters(one.in.unstacked(one.pair.einsum.b)), rule.Letters(one.pair.einsum.out)
	var batch []string
	for _, l := range as {
		_, isFixed := one.at[l]
		switch {
		case isFixed || !slices.Contains(bs, l):
		case slices.Contains(os, l):
			batch = append(batch, l)
		default:
			one.rank = append(one.rank, rule.Axis{Letter: l})
		}
	}
	size := func(l string) int { return one.sizes[l] }
	if howMany(batch, size, maxBlocks) > maxBlocks {
		x.inexpressible(one, one.in.row.Target, fmt.Sprintf("it is a product for each position up to %s, and at most %d are written beside one another", describe(batch, one.sizes), maxBlocks))
		return nil
	}
	var out []block
	for pos := range combos(batch, size) {
		each := one
		each.at, each.diag = joinedAt(one.at, pos), joinedAt(one.diag, pos)
		out = append(out, each)
	}
	return out
}

// joinedAt are the positions of both, b's where both have one.
func joinedAt(a, b map[string]int) map[string]int {
	out := make(map[string]int, len(a)+len(b))
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}
