package plan

import "errors"

var (
	errTooFine = errors.New("the expression cuts its sources too finely")
	errWork    = errors.New("the plan cuts its sources too finely as a whole to be checked")
)

// maxPieces bounds how finely one expression may be cut.
const maxPieces = 1 << 14

// Limits of one Check. A real plan needs a hundredth of them: 45,000 tensors
// of one piece each, for the largest models. They hold time to seconds and
// memory to a few hundred megabytes, whatever a plugin sent.
const (
	maxWork  = 1 << 22 // pieces made on the way, those that are cut again included
	maxKept  = 1 << 19 // pieces that the ledger keeps
	maxCells = 1 << 22 // cells of one source tensor in the ledger
	maxMarks = 1 << 25 // cells that the ledger marks or counts, over all sources
)

// budget counts down the work that is still allowed.
type budget struct{ work, kept, marks int }

func newBudget() *budget { return &budget{work: maxWork, kept: maxKept, marks: maxMarks} }

// spend takes n from one of the counts.
func spend(left *int, n int) error {
	if n < 0 || n > *left {
		*left = 0
		return errWork
	}
	*left -= n
	return nil
}
