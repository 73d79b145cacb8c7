package session

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/receipt"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/safetensors"
	"github.com/loraconv/loraconv/sdk"
)

// Result says what a run published.
type Result struct {
	Output    string
	Files     int
	Tensors   int
	Bytes     int64
	Merged    int
	Unchanged bool // it was there already, complete and the same
	Elapsed   time.Duration
	PeakRSS   int64 // of the worker, bytes
}

// Run computes one prepared conversion and publishes it, complete or not at
// all.
func (s *Session) Run(ctx context.Context, p *Prepared) (*Result, error) {
	started := time.Now()
	r := &run{s: s, p: p, rec: newRecord(p, started)}
	if err := r.refuse(); err != nil {
		return nil, err
	}
	if same, err := r.alreadyThere(ctx); err != nil || same != nil {
		return same, err
	}
	if err := r.layOut(); err != nil {
		return nil, err
	}
	stage, err := store.NewStage(r.output, store.StageOptions{Force: s.Force, Need: r.need()})
	if err != nil {
		return nil, outputFault(err, r.output)
	}
	r.stage = stage
	if stage.TookOver() && s.Observer != nil {
		s.Observer.Warning(p.Name, &diag.Diagnostic{Severity: diag.Warning, Code: "stage-taken-over", Summary: "A run that died had left its stage",
			Detail: "what it had written beside " + r.output + " was removed; this run begins anew"})
	}
	if err := r.fill(ctx); err != nil {
		if aerr := stage.Abort(); aerr != nil {
			err = errors.Join(err, diag.New(diag.Output, "abort-failed", "The stage could not be removed", "%v", aerr))
		}
		return nil, err
	}
	if err := r.publish(ctx); err != nil {
		if !errors.Is(err, store.ErrUnsynced) {
			err = errors.Join(err, stage.Abort())
		}
		return nil, outputFault(err, r.output)
	}
	res := &Result{
		Output: r.output, Files: len(r.rec.manifest.Files), Tensors: len(p.Plan.Tensors), Bytes: r.weights.size,
		Merged: countMerges(p.Plan), Elapsed: time.Since(started), PeakRSS: r.peakRSS,
	}
	if s.Observer != nil {
		s.Observer.Published(p.Name, res)
	}
	if old := stage.Leftover(); old != "" && s.Observer != nil {
		s.Observer.Warning(p.Name, &diag.Diagnostic{Severity: diag.Warning, Code: "output-left", Summary: "The output that was replaced is still there",
			Detail: old + " could not be removed; remove it, or leave that to the next run that writes " + r.output})
	}
	return res, nil
}

func (s *Session) phase(conversion, name string) {
	if s.Observer != nil {
		s.Observer.Phase(conversion, name)
	}
}

func countMerges(p *plan.Plan) int {
	n := 0
	for _, t := range p.Tensors {
		if plan.Merges(t.Expr) {
			n++
		}
	}
	return n
}

// run is the state of one Run.
type run struct {
	s       *Session
	p       *Prepared
	output  string // absolute
	weights *weights
	stage   *store.Stage
	rec     *record
	peakRSS int64
}

// refuse stops what plan only warns of.
func (r *run) refuse() error {
	abs, err := filepath.Abs(r.p.Output)
	if err != nil {
		return outputFault(err, r.p.Output)
	}
	r.output = abs
	if r.s.Force && foreign(r.output) {
		return foreignFault(r.output)
	}
	if err := r.p.references(); err != nil {
		return err
	}
	if r.p.FillMissing {
		return nil
	}
	for _, t := range r.p.Plan.Tensors {
		var fault error
		plan.Sources(t.Expr, func(src *plan.Source) {
			if x, err := r.p.Manifests.Lookup(src); err == nil && x.Missing > 0 && fault == nil {
				d := diag.New(diag.Source, "chunks-missing", "A parameter has chunks that were never written",
					`%s: %d of %d chunks are absent; if their fill value is what is meant, say missing_chunks = "fill" in the conversion`, x.Name, x.Missing, x.Chunks)
				d.Tensor = x.Name
				fault = d
			}
		})
		if fault != nil {
			return fault
		}
	}
	return nil
}

// need is how many bytes the output takes, documents and side files included.
func (r *run) need() int64 {
	n := r.weights.size + int64(len(r.weights.index)) + 1<<20 + int64(len(r.p.Plan.Tensors))*512
	for _, d := range r.p.Plan.Documents {
		n += int64(len(d.Content))
	}
	for _, f := range r.p.Plan.Files {
		n += r.sideFileSize(f)
	}
	return n
}

// publish gives the finished stage its name.
func (r *run) publish(ctx context.Context) error {
	if err := r.begin(ctx, "publish"); err != nil {
		return err
	}
	return r.stage.Publish(ctx)
}

// begin tells of a phase and, for the tests that kill processes, makes it last.
func (r *run) begin(ctx context.Context, phase string) error {
	r.s.phase(r.p.Name, phase)
	if r.s.SlowPhase != phase {
		return nil
	}
	select {
	case <-time.After(time.Duration(r.s.SlowMillis) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fill writes everything into the stage.
func (r *run) fill(ctx context.Context) error {
	if err := r.begin(ctx, "layout"); err != nil {
		return err
	}
	if err := r.headers(); err != nil {
		return err
	}
	if err := r.execute(ctx); err != nil {
		return err
	}
	if err := r.sideFiles(ctx); err != nil {
		return err
	}
	if r.weights.index != nil {
		if err := r.write(safetensors.IndexName, r.weights.index); err != nil {
			return err
		}
	}
	if err := r.documents(); err != nil {
		return err
	}
	if err := r.judge(ctx); err != nil {
		return err
	}
	return r.receipts()
}

// execute hands plan and layout to the worker and follows its events.
func (r *run) execute(ctx context.Context) error {
	encoded, err := plan.Encode(r.p.Plan)
	if err != nil {
		return err
	}
	req := r.s.Request(r.p)
	req.Plan, req.Stage, req.Digests = encoded, r.stage.Dir(), r.weights.names()
	if r.s.SlowPhase == "stream" || r.s.SlowPhase == "digest" {
		req.SlowMillis, req.SlowPhase = r.s.SlowMillis, r.s.SlowPhase
	}
	for _, t := range r.p.Plan.Tensors {
		req.Placements = append(req.Placements, r.weights.place[t.Name])
	}
	proc, done, err := r.s.worker(ctx, r.p.Plugin)
	if err != nil {
		return err
	}
	defer done()
	if err := proc.Execute(ctx, req, r.event); err != nil {
		return err
	}
	if err := r.rec.complete(req.Measure); err != nil {
		return err
	}
	r.warnIdle()
	return nil
}

func (r *run) event(e sdk.Event) error {
	switch {
	case e.Phase != nil:
		r.s.phase(r.p.Name, e.Phase.Name)
	case e.Progress != nil:
		if r.s.Observer != nil {
			r.s.Observer.Progress(r.p.Name, *e.Progress)
		}
	case e.Tensor != nil:
		return r.rec.tensor(e.Tensor)
	case e.File != nil:
		r.rec.file(e.File.File, e.File.Bytes, e.File.SHA256)
	case e.Done != nil:
		r.peakRSS = e.Done.PeakRSS
		r.rec.adapters = e.Done.Adapters
	}
	return nil
}

func (r *run) write(name string, data []byte) error {
	if err := r.stage.WriteFile(name, data); err != nil {
		return outputFault(err, name)
	}
	r.rec.bytes(name, data)
	return nil
}

// receipts writes the manifest of the output and its provenance, last.
func (r *run) receipts() error {
	m, err := r.rec.encodeManifest(r.p, r.weights)
	if err != nil {
		return err
	}
	if err := r.stage.WriteFile(receipt.ManifestName, m); err != nil {
		return outputFault(err, receipt.ManifestName)
	}
	prov, err := r.rec.encodeProvenance(r.s, r.p, m)
	if err != nil {
		return err
	}
	if err := r.stage.WriteFile(receipt.ProvenanceName, prov); err != nil {
		return outputFault(err, receipt.ProvenanceName)
	}
	return nil
}
