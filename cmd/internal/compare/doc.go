// Package compare compares two checkpoints of any readable format, parameter
// by parameter, by streaming both. Without a tolerance two values are equal
// when their bits are; with one, when they are close as numbers.
//
// It compares parameters and text leaves: not metadata, side files, or how the
// values are stored.
package compare
