// Package tensor is the vocabulary of one tensor: its element type, its shape,
// and a box of its elements. It also holds the element codecs that convert
// between stored bytes and float32.
//
// The codecs round at most once, to nearest even, never flush a subnormal, and
// make a NaN that they convert quiet, keeping its sign and the upper bits of its
// payload; a copy keeps every bit. float64 is never narrowed on the way to
// arithmetic, integers and bools never convert. Stored order is little-endian,
// and so must the host be (host.go). Paths in assembly equal the Go ones, which
// are the definition, bit for bit; the build tag purego leaves them out.
//
// Every other package of core may import it; it imports nothing of loraconv.
// It opens no file, starts no goroutine and knows nothing of LoRA.
package tensor
