package store

import "errors"

// What a fault of a source is; formats wrap these with the file, the offset
// and the name.
var (
	ErrNotFound    = errors.New("not found")                 // no such path
	ErrFormat      = errors.New("not a checkpoint")          // nothing here that a reader knows
	ErrUnfinished  = errors.New("not a finished checkpoint") // a save that was not completed
	ErrCorrupt     = errors.New("damaged")                   // bytes that contradict each other or the format
	ErrUnsupported = errors.New("not supported")             // valid, but beyond this reader
	ErrChanged     = errors.New("changed while it was read")
)

// What a fault of an output is.
var (
	ErrExists   = errors.New("exists")
	ErrLocked   = errors.New("locked by another run")
	ErrNoSpace  = errors.New("not enough room")
	ErrUnsynced = errors.New("published, but the flush of its directory failed")
)
