package zarr

import (
	"strconv"
	"strings"
)

// keyEncoding says how the grid index of a chunk is written:
//
//	version 2 style: 1.0.3     rank 0: 0
//	default style:   c/1/0/3   rank 0: c
type keyEncoding struct {
	c         bool // default style
	separator byte // '.' or '/'
}

// Key returns the key of the chunk at index, relative to the array's name.
func (a *Array) Key(index []int) string {
	var b []byte
	if a.keys.c {
		b = append(b, 'c')
	} else if len(index) == 0 {
		b = append(b, '0')
	}
	for _, n := range index {
		if len(b) > 0 {
			b = append(b, a.keys.separator)
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return string(b)
}

// ParseKey returns the index that key stands for, and whether it is a chunk's
// key at all. The index may lie outside the grid.
func (a *Array) ParseKey(key string) ([]int, bool) {
	rank := len(a.Shape)
	if rank == 0 {
		return []int{}, key == a.Key(nil)
	}
	if a.keys.c {
		var ok bool
		if key, ok = strings.CutPrefix(key, "c"+string(a.keys.separator)); !ok {
			return nil, false
		}
	}
	if strings.Count(key, string(a.keys.separator)) != rank-1 {
		return nil, false
	}
	index := make([]int, 0, rank)
	for part := range strings.SplitSeq(key, string(a.keys.separator)) {
		n, err := strconv.ParseUint(part, 10, 62)
		if err != nil || strconv.FormatUint(n, 10) != part {
			return nil, false
		}
		index = append(index, int(n))
	}
	return index, true
}
