package engine

import (
	"encoding/binary"
	"sort"
)

// AdapterStats says what the terms of one source's operands add.
type AdapterStats struct {
	Source string
	Terms  int // distinct pairs of operands
	Idle   int // of these, pairs of which one operand holds nothing but zeros
}

// zeros reports whether all float32 in p are 0 or -0.
func zeros(p []byte) bool {
	for ; len(p) >= 4; p = p[4:] {
		if binary.LittleEndian.Uint32(p)<<1 != 0 {
			return false
		}
	}
	return true
}

// idle counts the terms that add nothing, once the operands are decoded.
func (w *work) idle() []AdapterStats {
	by := map[string]*AdapterStats{}
	seen := map[[2]int]bool{}
	for _, b := range w.main.bases {
		for _, u := range b.units {
			for _, t := range u.terms {
				pair := [2]int{t.rows, t.cols}
				if seen[pair] {
					continue
				}
				seen[pair] = true
				rows, cols := w.ops.list[t.rows], w.ops.list[t.cols]
				from := rows.source.From
				if by[from] == nil {
					by[from] = &AdapterStats{Source: from}
				}
				by[from].Terms++
				if !rows.live.Load() || !cols.live.Load() {
					by[from].Idle++
				}
			}
		}
	}
	var out []AdapterStats
	for _, s := range by {
		out = append(out, *s)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Source < out[j].Source })
	return out
}
