package engine

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
)

// Job is one execution of a plan.
type Job struct {
	Plan    *plan.Plan
	Sources map[string]store.Reader // by the names of Plan.Sources
	Sink    Sink

	Memory  int64 // bytes that this process may have resident; 0: DefaultMemory
	Workers int   // goroutines that are busy at one time; 0: one for each processor

	// AllowNonFinite says whether a target may hold NaN and infinite values; nil
	// is never.
	AllowNonFinite func(target string) bool
	// Measure asks for TensorStats' drift, norms and retention. Each merge is
	// then computed in float64 as well.
	Measure bool
	// FillMissing lets chunks that were never written read as their fill value.
	FillMissing bool

	// Scratch makes the file that holds the adapters' operands if they do not
	// fit into memory. Closing it removes it. Nil: operands must fit.
	Scratch func() (Scratch, error)

	// Progress is counted in while the job runs, if it is not nil.
	Progress *Progress
	// Phase is told "adapters" and "stream" when they begin; nil is allowed.
	Phase func(name string)

	// Tile is a hook of tests: it is called once for each tile, and its error
	// ends the job.
	Tile func(context.Context) error

	// Tests set these; 0 is by Memory.
	slab   int   // bytes of a slab
	budget int64 // for groups and operands together
}

// Sink takes the bytes of the output tensors. It is safe for concurrent use;
// no two writes overlap.
type Sink interface {
	// WriteAt writes p at off, counted from the first byte of the tensor,
	// which is an index into Plan.Tensors. It does not keep p.
	WriteAt(tensor int, off int64, p []byte) error
	// Fresh reports whether bytes that are never written read as zero.
	Fresh() bool
}

// Placed is a Sink that knows where tensors begin in their files. Long runs are
// then put together at addresses that agree with their places modulo Page, so
// that the sink can hand them to the disk as they lie.
type Placed interface {
	// Phase returns where the tensor begins, modulo Page.
	Phase(tensor int) int
}

// Page is what a disk and the memory it writes from want multiples of.
const Page = 4 << 10

// Scratch is a temporary file.
type Scratch interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
}

// Progress counts what is done so far, in bytes. The totals are set before the
// first byte is read.
type Progress struct {
	Read, ReadAll atomic.Int64 // decoded bytes of the sources
	Written, All  atomic.Int64 // bytes of the outputs
}

// Stats is what was measured.
type Stats struct {
	Tensors []TensorStats // same order as Plan.Tensors
	Chunks  int           // decoded; one that is read twice counts twice
	Missing int           // chunks that were filled
	// Adapters tells, by source, whether the terms do anything: factors that are
	// all zeros are those of a training that never took a step.
	Adapters []AdapterStats
	Report   Report
}

// TensorStats is what was measured while one tensor was computed. It does not
// depend on the tiles, on Workers or on Memory.
type TensorStats struct {
	NonFinite int64 // NaN and infinite values written
	// What follows is zero without Job.Measure. It is in the output's units and
	// leaves out values that are not finite, and constants. The exact result is
	// base plus terms plus steps in float64, of the operands as float32.
	Drift     float64 // largest |written - exact result|
	BaseNorm  float64 // Frobenius norm of the elements that terms were added to
	DeltaNorm float64 // Frobenius norm of what the terms added
	// Retention is <written - base, delta> / <delta, delta>: the part of what
	// the terms added that is left after rounding. 1 where they added nothing.
	Retention float64
}

// DefaultMemory is what a Job with Memory 0 may use.
const DefaultMemory = 1 << 30
