package sdk

import "encoding/json"

// ExecuteRequest asks the worker, which is loraconv's own executable, to
// compute a plan into a stage that the host has laid out. No plugin sees it.
type ExecuteRequest struct {
	Plan    []byte          `json:"plan"`    // canonical encoding
	Sources []ExecuteSource `json:"sources"` // one for each of Plan.Sources, same order
	Stage   string          `json:"stage"`   // absolute path; its files exist, have their sizes and their headers
	// Placements says where each of Plan.Tensors goes, same order.
	Placements []Placement `json:"placements"`
	Digests    []string    `json:"digests"` // files to hash after all is written, relative to Stage

	Memory  int64 `json:"memory"`  // bytes that the worker may have resident
	Workers int   `json:"workers"` // 0: one for each processor

	AllowNonFinite []string `json:"allow_nonfinite,omitempty"` // globs over targets
	FillMissing    bool     `json:"fill_missing,omitempty"`
	Measure        bool     `json:"measure,omitempty"` // asks for TensorDone.Measured, which takes time

	// SlowMillis makes each tile take at least so long, or with SlowPhase
	// "digest" the beginning of that phase. It is a hook of the tests that kill
	// processes.
	SlowMillis int    `json:"slow_millis,omitempty"`
	SlowPhase  string `json:"slow_phase,omitempty"`
}

// ExecuteSource is where a source's tree lies.
type ExecuteSource struct {
	Name        string `json:"name"`
	Root        string `json:"root"` // absolute path of the opened directory
	Tree        string `json:"tree"`
	Fingerprint string `json:"fingerprint"` // must still be the manifest's
}

// Placement is where one tensor's bytes go.
type Placement struct {
	File   string `json:"file"`   // relative to Stage
	Offset int64  `json:"offset"` // of the first byte, from the start of the file
}

// Event is one message of the worker's stream. Exactly one field is set.
type Event struct {
	Phase    *Phase      `json:"phase,omitempty"`
	Progress *Progress   `json:"progress,omitempty"`
	Tensor   *TensorDone `json:"tensor,omitempty"`
	File     *FileDone   `json:"file,omitempty"`
	Done     *Done       `json:"done,omitempty"`
	Failed   *Failed     `json:"failed,omitempty"`
}

// Phase says what the worker begins: "adapters", "stream", "sync", "digest".
type Phase struct {
	Name string `json:"name"`
}

// Progress counts bytes so far, and in all: in the digest phase those of the
// output that are read back, and none written; before it, source bytes decoded and
// output bytes written. Within a phase they do not fall.
type Progress struct {
	Read    int64 `json:"read"`
	ReadAll int64 `json:"read_all"`
	Written int64 `json:"written"`
	All     int64 `json:"all"`
}

// TensorDone is what was measured while one tensor was computed and, after the
// digest phase, its digest.
type TensorDone struct {
	Index     int       `json:"index"` // in Plan.Tensors
	SHA256    string    `json:"sha256,omitempty"`
	NonFinite int64     `json:"nonfinite,omitempty"` // NaN and infinite values written
	Measured  *Measured `json:"measured,omitempty"`  // with ExecuteRequest.Measure
	Zero      bool      `json:"zero,omitempty"`      // with the digest: all of the tensor is zero
}

// Measured compares what was written of a tensor with the exact result: base,
// LoRA and the row's steps in float64, before rounding. Values that are not
// finite, and constants, are left out.
type Measured struct {
	Drift     float64 `json:"drift"`      // largest |written - exact|
	BaseNorm  float64 `json:"base_norm"`  // Frobenius norm of what LoRA was added to; 0 where nothing was
	DeltaNorm float64 `json:"delta_norm"` // Frobenius norm of what LoRA added
	Retention float64 `json:"retention"`  // <written - base, delta> / <delta, delta>; 1 where delta is 0
}

// FileDone is a finished file's digest, read back from the file system.
type FileDone struct {
	File   string `json:"file"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Done ends a stream that succeeded.
type Done struct {
	PeakRSS int64 `json:"peak_rss"` // of the worker, bytes
	Chunks  int   `json:"chunks"`   // decoded
	Missing int   `json:"missing"`  // chunks that were filled
	// Adapters tells, by source, how many low-rank updates there were and how
	// many of them add nothing.
	Adapters []AdapterDone `json:"adapters,omitempty"`
}

// AdapterDone counts the low-rank updates of one source.
type AdapterDone struct {
	Source string `json:"source"`
	Terms  int    `json:"terms"`
	Idle   int    `json:"idle"` // one of the two factors holds nothing but zeros
}

// Failed ends a stream that did not: diagnostics as in package core/diag.
type Failed struct {
	Diagnostics json.RawMessage `json:"diagnostics"`
}
