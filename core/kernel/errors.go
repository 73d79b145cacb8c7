package kernel

// The panics of this package: broken promises of the caller.
const (
	badSize    = "kernel: negative size"
	badLd      = "kernel: leading dimension smaller than a row"
	shortW     = "kernel: w is too short"
	shortA     = "kernel: a is too short"
	shortB     = "kernel: b is too short"
	shortWork  = "kernel: scratch is too short"
	badShape   = "kernel: shape and strides differ in length, or have too many axes"
	badElement = "kernel: element size is not 1, 2, 4, 8 or 16"
	shortDst   = "kernel: dst is too short for its strides"
	shortSrc   = "kernel: src is too short for its strides"
)

// checkMatrix panics with short unless x holds a rows x cols matrix.
func checkMatrix(x []float32, rows, cols, ld int, short string) {
	if rows < 0 || cols < 0 {
		panic(badSize)
	}
	if rows == 0 || cols == 0 {
		return
	}
	if ld < cols {
		panic(badLd)
	}
	// len(x) >= (rows-1)*ld + cols, without overflow.
	if len(x) < cols || (len(x)-cols)/ld < rows-1 {
		panic(short)
	}
}
