package worker

import "runtime/debug"

// limitHeap keeps the garbage of the Go heap small: the large buffers are not
// on it, so that collecting more often costs next to nothing.
func limitHeap(int64) (restore func()) {
	percent := debug.SetGCPercent(30)
	return func() { debug.SetGCPercent(percent) }
}
