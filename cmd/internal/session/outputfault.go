package session

import (
	"context"
	"errors"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/store"
)

// outputFault turns an error of writing into a diagnostic.
func outputFault(err error, name string) error {
	if errors.Is(err, context.Canceled) || findDiagnostic(err) != nil {
		return err
	}
	switch {
	case errors.Is(err, store.ErrExists) && foreign(name):
		return foreignFault(name)
	case errors.Is(err, store.ErrExists):
		return diag.New(diag.Exists, "output-exists", "The output exists", "%q is there and is not what this conversion would write; remove it, or replace it with -force", name)
	case errors.Is(err, store.ErrLocked):
		return diag.New(diag.Exists, "output-locked", "Another run is writing this output", "%q: %v; wait for it, or end it", name, err)
	case errors.Is(err, store.ErrNoSpace):
		return diag.New(diag.Output, "no-space", "There is no room for the output", "%q: %v; make room, or name a path on another disk", name, err)
	case errors.Is(err, store.ErrUnsynced):
		return diag.New(diag.Unsynced, "not-durable", "Published, but not known to be durable", "%q: %v; check the disk and run \"loraconv verify\"", name, err)
	}
	return diag.New(diag.Output, "output-failed", "The output could not be written", "%q: %v", name, err)
}

// sideFileFault turns an error of a copy into a diagnostic: it may be the
// source's as well as the output's.
func sideFileFault(err error, to string) error {
	switch {
	case errors.Is(err, store.ErrChanged):
		return diag.New(diag.Changed, "source-changed", "A source changed during the run", "%v; run again when nothing writes to it", err)
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt), errors.Is(err, store.ErrUnreadable):
		return diag.New(diag.Source, "side-file", "A side file cannot be read", "%v", err)
	}
	return outputFault(err, to)
}
