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
