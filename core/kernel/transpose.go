package kernel

// A move in which the fastest axis of src is not the fastest axis of dst goes
// through tiles:
//
//	src     rows = the fastest axis of dst          tile [columns][rows]
//	        columns = what is contiguous in src
//
//	  r0 [ a b c d ]                 a e i  ──copy──► dst, column a's place
//	  r1 [ e f g h ]   transposed    b f j  ──copy──► dst, column b's place
//	  r2 [ i j k l ]   ──────────►   c g k    ...
//	                                 d h l
//
// Several axes of src may make up the columns, as in "d (half two) -> (two
// half) d": a column's place is found by counting through them.
const (
	tileBytes = 16 << 10 // half of a first-level cache of 32 KiB
	tileRun   = 256      // bytes of one column of a whole tile: four cache lines
)

// transpose moves axes with elements of 1, 2, 4 or 8 bytes; axes[p] becomes
// the rows. The last axis is contiguous in src and is not p.
func transpose(dst, src []byte, width int, axes []axis, p int, to reach) {
	rows := axes[p]
	// The columns: axes from the last one upwards, as long as src has no gap.
	first, columns := len(axes), 1
	for first-1 > p && axes[first-1].src == columns*width {
		first--
		columns *= axes[first].n
	}
	var room [maxAxes]axis
	outer := append(append(room[:0], axes[:p]...), axes[p+1:first]...)
	var tile [tileBytes]byte
	t := transposer{width: width, rows: rows, columns: axes[first:], count: columns, tile: &tile, to: to}
	t.outer(dst, src, outer)
}

type transposer struct {
	width   int
	rows    axis
	columns []axis // innermost last
	count   int    // product of their sizes
	tile    *[tileBytes]byte
	to      reach
}

func (t *transposer) outer(dst, src []byte, axes []axis) {
	if len(axes) == 0 {
		t.plane(dst, src)
		return
	}
	for i := range axes[0].n {
		t.outer(dst[i*axes[0].dst:], src[i*axes[0].src:], axes[1:])
	}
}

// plane cuts rows x columns into tiles: runs of four cache lines where both
// sides are long, longer ones where the columns are few.
func (t *transposer) plane(dst, src []byte) {
	room := tileBytes / t.width
	rows := min(t.rows.n, tileRun/t.width)
	cols := min(t.count, room/rows)
	rows = min(t.rows.n, room/cols)
	for r := 0; r < t.rows.n; r += rows {
		h := min(rows, t.rows.n-r)
		var at place
		for c := 0; c < t.count; c += cols {
			w := min(cols, t.count-c)
			transposeTile(t.tile[:h*w*t.width], src[r*t.rows.src+c*t.width:], t.rows.src, h, w, t.width)
			t.flush(dst[r*t.rows.dst:], h, w, &at)
		}
	}
}

// place counts through the column axes.
type place struct {
	index  [maxAxes]int
	offset int
}

// flush copies w columns of h elements from the tile to their places.
func (t *transposer) flush(dst []byte, h, w int, at *place) {
	run := h * t.width
	column := axis{h, t.rows.dst, t.width}
	for c := range w {
		from := t.tile[c*run:][:run]
		if t.rows.dst == t.width {
			t.to.put(dst[at.offset:][:run], from)
		} else {
			copyStrided(dst[at.offset:], from, t.width, column)
		}
		t.next(at)
	}
}

func (t *transposer) next(at *place) {
	for k := len(t.columns) - 1; k >= 0; k-- {
		x := t.columns[k]
		at.offset += x.dst
		if at.index[k]++; at.index[k] < x.n {
			return
		}
		at.offset -= x.n * x.dst
		at.index[k] = 0
	}
}
