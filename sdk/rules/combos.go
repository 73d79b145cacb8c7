package rules

import "iter"

// combos gives every combination of positions of the letters, the last letter
// fastest; one without positions where there is no letter.
func combos(letters []string, size func(string) int) iter.Seq[map[string]int] {
	return func(yield func(map[string]int) bool) {
		for _, l := range letters {
			if size(l) <= 0 {
				return
			}
		}
		pos := make([]int, len(letters))
		for {
			at := map[string]int{}
			for i, l := range letters {
				at[l] = pos[i]
			}
			if !yield(at) {
				return
			}
			i := len(pos) - 1
			for ; i >= 0; i-- {
				if pos[i]++; pos[i] < size(letters[i]) {
					break
				}
				pos[i] = 0
			}
			if i < 0 {
				return
			}
		}
	}
}

// howMany counts the combinations, up to most + 1: sizes come from outside, and
// their product may not be a number.
func howMany(letters []string, size func(string) int, most int) int {
	n := 1
	for _, l := range letters {
		s := size(l)
		if s <= 0 {
			return 0
		}
		if s > most/n {
			return most + 1
		}
		n *= s
	}
	return n
}

// pick turns positions into names.
func pick(names map[string][]string, at map[string]int) map[string]string {
	out := map[string]string{}
	for l, i := range at {
		if i < len(names[l]) {
			out[l] = names[l][i]
		}
	}
	return out
}
