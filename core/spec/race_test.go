//go:build race

package spec_test

// raceEnabled: the race detector makes everything some ten times slower.
const raceEnabled = true
