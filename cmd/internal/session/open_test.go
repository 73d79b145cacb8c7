package session

import (
	"errors"
	"testing"

	"github.com/loraconv/loraconv/core/store"
)

// A step whose parameters are not there is not taken for another tree, and the
// message says which tree is wanted.
func TestChooseTree(t *testing.T) {
	if got, err := chooseTree([]string{"params", "train_state"}, []string{"params", "."}); got != "params" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_, err := chooseTree([]string{"train_state"}, []string{"params", "."})
	want := `not a checkpoint that this plugin reads: it holds "train_state", wanted "params", or a directory of parameters itself; was it not copied whole, or is it another framework's? loraconv inspect tells`
	if !errors.Is(err, store.ErrFormat) || err.Error() != want {
		t.Errorf("%v\nwanted %s", err, want)
	}
}
