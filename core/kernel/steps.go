package kernel

// Scale multiplies each element of w by mul, rounded.
func Scale(w []float32, mul float32) {
	for i, x := range w {
		w[i] = canonical(x * mul)
	}
}

// Div divides each element of w by div, rounded. It is not Scale by the
// reciprocal, which rounds twice.
func Div(w []float32, div float32) {
	for i, x := range w {
		w[i] = canonical(x / div)
	}
}

// Add adds add to each element of w, rounded.
func Add(w []float32, add float32) {
	for i, x := range w {
		w[i] = canonical(x + add)
	}
}
