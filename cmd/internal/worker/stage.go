package worker

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/engine"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/sdk"
)

// stage is the directory that the host has laid out, and the engine's sink.
type stage struct {
	root    *os.Root
	files   map[string]*stageFile
	targets []place // by tensor
}

type stageFile struct {
	name string
	f    *os.File
	w    *store.WindowedFile
	size int64
}

// place is where a tensor's bytes lie.
type place struct {
	file          *stageFile
	offset, bytes int64
}

// openStage opens the files that the placements and the digests name. They
// exist, and everything placed lies within them.
func openStage(r *sdk.ExecuteRequest, p *plan.Plan) (_ *stage, err error) {
	if len(r.Placements) != len(p.Tensors) {
		return nil, request("%d placements, the plan has %d tensors", len(r.Placements), len(p.Tensors))
	}
	s := &stage{files: map[string]*stageFile{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.root, err = os.OpenRoot(r.Stage); err != nil {
		return nil, outputFault(err)
	}
	for i, at := range r.Placements {
		f, err := s.open(at.File)
		if err != nil {
			return nil, err
		}
		t := &p.Tensors[i]
		n := int64(t.Shape.Elements()) * int64(t.DType.Size())
		if at.Offset < 0 || n > f.size || at.Offset > f.size-n {
			return nil, request("tensor %q takes %d bytes at %d of %q, which has %d", t.Name, n, at.Offset, at.File, f.size)
		}
		s.targets = append(s.targets, place{f, at.Offset, n})
	}
	for _, name := range r.Digests {
		if _, err := s.open(name); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *stage) open(name string) (*stageFile, error) {
	if f := s.files[name]; f != nil {
		return f, nil
	}
	f, err := s.root.OpenFile(filepath.FromSlash(name), os.O_RDWR, 0)
	if err != nil {
		return nil, outputFault(err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return nil, outputFault(errors.Join(err, f.Close()))
	}
	x := &stageFile{name: name, f: f, w: store.NewWindowedFile(f), size: st.Size()}
	s.files[name] = x
	return x, nil
}

// WriteAt implements engine.Sink.
func (s *stage) WriteAt(tensor int, off int64, p []byte) error {
	at := &s.targets[tensor]
	if off < 0 || off > at.bytes-int64(len(p)) {
		panic("worker: a write outside of its tensor")
	}
	var err error
	if len(p) < page {
		_, err = at.file.f.WriteAt(p, at.offset+off)
	} else {
		_, err = at.file.w.WriteAt(p, at.offset+off)
	}
	return err
}

// page is the unit of the page cache. What is shorter stays there until fsync:
// the rest of its page will come, and would have to be read back from the disk
// if the page were dropped.
const page = 4096

// Phase implements engine.Placed.
func (s *stage) Phase(tensor int) int { return int(s.targets[tensor].offset % engine.Page) }

// Fresh implements engine.Sink: the host has made the files for this run.
func (s *stage) Fresh() bool { return true }

// sync makes everything that was written durable.
func (s *stage) sync() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.w.Sync())
	}
	if err := errors.Join(errs...); err != nil {
		return outputFault(err)
	}
	return nil
}

func (s *stage) close() {
	for _, f := range s.files {
		_, _ = f.w.Close(), f.f.Close()
	}
	if s.root != nil {
		_ = s.root.Close()
	}
}

// scratchName is the adapters' file. It is removed as soon as it is open where
// the system allows that, so that nothing of it is left whatever happens.
const scratchName = ".adapters"

func (s *stage) scratch() (engine.Scratch, error) {
	f, err := s.root.OpenFile(scratchName, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if s.root.Remove(scratchName) == nil {
		return f, nil
	}
	return &scratchFile{f, s.root}, nil
}

// scratchFile removes its name when it is closed.
type scratchFile struct {
	*os.File
	root *os.Root
}

func (f *scratchFile) Close() error {
	return errors.Join(f.File.Close(), f.root.Remove(scratchName))
}

func outputFault(err error) error {
	return diag.New(diag.Output, "write-failed", "The output could not be written", "%v", err)
}
