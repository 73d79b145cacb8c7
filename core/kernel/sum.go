package kernel

// Sum takes the one-sided sums of an operand: it adds up src, of the given
// shape in C order, over the axes that summed marks, into dst, in C order over
// the axes that stay. Each sum starts at +0 and runs through src in C order,
// rounded after each addition.
//
//	src [2, 3, 4], summed {true, false, true}: dst[j] = ((+0 + src[0,j,0]) + src[0,j,1]) + ... + src[1,j,3]
//
// dst holds exactly one element for each sum, and does not overlap src.
func Sum(dst, src []float32, shape []int, summed []bool) {
	if len(shape) != len(summed) || len(shape) > maxAxes {
		panic(badShape)
	}
	kept, all := 1, 1
	for x, n := range shape {
		switch {
		case n < 0:
			panic(badSize)
		case !summed[x]:
			kept *= n
		}
		all *= n
	}
	if len(dst) != kept {
		panic(shortDst)
	}
	if len(src) != all {
		panic(shortSrc)
	}
	clear(dst)
	if all == 0 {
		return
	}
	sumAxes(dst, src, shape, summed)
	for i, x := range dst {
		dst[i] = canonical(x)
	}
}

// sumAxes goes through the outermost axis: a summed one lands on the same part
// of dst each time, any other on its own part.
func sumAxes(dst, src []float32, shape []int, summed []bool) {
	if len(shape) == 0 {
		dst[0] += src[0]
		return
	}
	n := shape[0]
	part, step := len(src)/n, 0
	if !summed[0] {
		step = len(dst) / n
	}
	if len(shape) == 1 {
		for j, x := range src {
			dst[j*step] += x
		}
		return
	}
	for j := range n {
		to := dst
		if !summed[0] {
			to = dst[j*step:][:step]
		}
		sumAxes(to, src[j*part:][:part], shape[1:], summed[1:])
	}
}
