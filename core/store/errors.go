package store

import (
	"errors"

	"github.com/loraconv/loraconv/core/diag"
)

// What a fault of a source is; formats wrap these with the file, the offset
// and the name.
var (
	ErrNotFound    = errors.New("not found")                 // no such path
	ErrFormat      = errors.New("not a checkpoint")          // nothing here that a reader knows
	ErrUnfinished  = errors.New("not a finished checkpoint") // a save that was not completed
	ErrCorrupt     = errors.New("damaged")                   // bytes that contradict each other or the format
	ErrUnsupported = errors.New("not supported")             // valid, but beyond this reader
	ErrChanged     = errors.New("changed while it was read")
	ErrUnreadable  = errors.New("cannot be read") // of a copy, whose other side may have failed as well
)

// What a fault of an output is.
var (
	ErrExists   = errors.New("exists")
	ErrLocked   = errors.New("locked by another run")
	ErrNoSpace  = errors.New("not enough room")
	ErrUnsynced = errors.New("published, but the flush of its directory failed")
)

// Fault tells which diagnostic a reader's error is: its class, its code, and
// what it says of the source, such as "is damaged".
func Fault(err error) (class diag.Class, code, says string) {
	class = diag.Source
	switch {
	case errors.Is(err, ErrNotFound):
		code, says = "source-not-found", "does not exist, or a part of it does not"
	case errors.Is(err, ErrUnfinished):
		code, says = "source-unfinished", "is not a finished checkpoint"
	case errors.Is(err, ErrCorrupt):
		code, says = "source-corrupt", "is damaged"
	case errors.Is(err, ErrUnsupported):
		code, says = "source-unsupported", "uses a feature that is not supported"
	case errors.Is(err, ErrFormat):
		code, says = "source-format", "is not a checkpoint that loraconv reads"
	case errors.Is(err, ErrChanged):
		class, code, says = diag.Changed, "source-changed", "changed while it was read"
	default:
		code, says = "source-unreadable", "cannot be read"
	}
	return class, code, says
}
