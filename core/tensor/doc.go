// Package tensor is the vocabulary of one tensor: its element type, its shape,
// and a box of its elements. It also holds the element codecs that convert
// between stored bytes and float32.
//
// Every other package of core may import it; it imports nothing of loraconv.
// It opens no file, starts no goroutine and knows nothing of LoRA.
package tensor
