// Package worker answers Execute, the third call of the protocol: it computes a
// plan into a stage that the host has laid out, makes it durable and reads the
// digests back. It runs in a process of its own, so that a hostile checkpoint
// takes at most that process down.
//
// It decides nothing: what to convert, where it goes and what is allowed stand
// in the request. It creates no file but the scratch file of the adapters,
// which it removes, and it writes outside of no stage.
package worker
