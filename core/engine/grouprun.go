package engine

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/loraconv/loraconv/core/store"
)

// openWindow is a window that is being filled.
type openWindow struct {
	*window
	buf     []byte
	pending atomic.Int32 // slabs, and one for the reader
}

// groupRun is a group while it is executed.
//
//	reader ──jobs──► as many computers as there are workers ──► sink
//	   ▲                 │ slabs           │ windows
//	   └─────────────────┴─────────────────┘
type groupRun struct {
	e       *executor
	g       *group
	slabs   chan *slab
	windows chan *openWindow
	jobs    chan *slab
	streams []io.ReadCloser
	layout  layouter
}

func (e *executor) group(g *group) (err error) {
	s := &g.plan
	r := &groupRun{e: e, g: g, slabs: make(chan *slab, s.ring), windows: make(chan *openWindow, s.buffers),
		jobs: make(chan *slab, s.ring), streams: make([]io.ReadCloser, len(g.members)), layout: layouter{p: e.p}}
	var bufs [][]byte
	defer func() {
		for _, b := range bufs {
			e.arena.put(b)
		}
	}()
	take := func(n int) []byte {
		b, aerr := e.arena.get(n)
		if aerr != nil {
			err = aerr
		}
		bufs = append(bufs, b)
		return b
	}
	for range s.ring {
		r.slabs <- &slab{data: take(s.slab)}
	}
	for range s.buffers {
		r.windows <- &openWindow{buf: take(s.window)}
	}
	if err != nil {
		return err
	}
	var wg sync.WaitGroup
	if e.workers > 1 {
		for range e.workers {
			wg.Add(1)
			go func() {
				defer wg.Done()
				for j := range r.jobs {
					r.compute(j)
				}
			}()
		}
	}
	for pass := range s.passes {
		if err = r.pass(pass); err != nil {
			break
		}
	}
	for i := range r.streams {
		r.close(i)
	}
	if err != nil {
		e.cancel(err)
	}
	close(r.jobs)
	wg.Wait()
	return err
}

// pass reads the members once.
func (r *groupRun) pass(pass int) (err error) {
	s := &r.g.plan
	r.g.eachWindow(s, pass, func(stretch, boxes []box) bool {
		var w *openWindow
		select {
		case w = <-r.windows:
		case <-r.e.ctx.Done():
			err = r.e.err()
			return false
		}
		w.window = r.layout.layout(r.g.members, boxes)
		w.pending.Store(1)
		for i := range r.g.members {
			if err = r.read(i, stretch[i], w); err != nil {
				return false
			}
			if s.axis < 0 {
				if err = r.end(i); err != nil {
					return false
				}
			}
		}
		err = r.done(w)
		return err == nil
	})
	for i := range r.g.members {
		if err == nil {
			err = r.end(i)
		}
	}
	return err
}

// read reads the stretch b of member i, slab by slab.
func (r *groupRun) read(i int, b box, w *openWindow) (err error) {
	m := r.g.members[i]
	chunk := &m.base.chunks[m.chunk]
	if r.streams[i] == nil {
		r.e.chunks.Add(1)
		if r.streams[i], err = m.base.reader.Open(r.e.ctx, m.base.name, *chunk); err != nil {
			return sourceFault(m.base.from, m.base.name, err)
		}
	}
	size := m.base.dtype.Size()
	eachSlab(b, size, r.g.plan.slab, func(part box) bool {
		var s *slab
		select {
		case s = <-r.slabs:
		case <-r.e.ctx.Done():
			err = r.e.err()
			return false
		}
		s.member, s.base, s.win, s.clean = i, m.base, w, 0
		s.box.lo = append(s.box.lo[:0], part.lo...)
		s.box.hi = append(s.box.hi[:0], part.hi...)
		s.data = s.data[:part.elements()*size]
		if err = r.fill(i, s); err != nil {
			return false
		}
		w.pending.Add(1)
		if r.e.workers == 1 {
			r.compute(s)
			err = r.e.err()
			return err == nil
		}
		select {
		case r.jobs <- s:
		case <-r.e.ctx.Done():
			err = r.e.err()
		}
		return err == nil
	})
	return err
}

// fill reads one slab.
func (r *groupRun) fill(i int, s *slab) error {
	room, err := r.e.enter()
	if err != nil {
		return err
	}
	n, err := io.ReadFull(r.streams[i], s.data)
	r.e.leave(room)
	if r.e.progress != nil {
		r.e.progress.Read.Add(int64(n))
	}
	if err == nil {
		return nil
	}
	if ctxErr := r.e.err(); ctxErr != nil {
		return ctxErr
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF { // the end itself, and no fault that wraps one
		err = fmt.Errorf("%w: its stream ends before the last element", store.ErrCorrupt)
	}
	return sourceFault(s.base.from, s.base.name, err)
}

// end checks that the stream of member i ends here, and closes it.
func (r *groupRun) end(i int) error {
	if r.streams[i] == nil {
		return nil
	}
	var one [1]byte
	_, err := io.ReadFull(r.streams[i], one[:])
	m := r.g.members[i]
	r.close(i)
	if err == io.EOF { // a fault of the stream's end may wrap one
		return nil
	}
	if ctxErr := r.e.err(); ctxErr != nil {
		return ctxErr
	}
	if err == nil {
		err = fmt.Errorf("%w: its stream goes on after the last element", store.ErrCorrupt)
	}
	return sourceFault(m.base.from, m.base.name, err)
}

func (r *groupRun) close(i int) {
	if r.streams[i] != nil {
		_ = r.streams[i].Close()
		r.streams[i] = nil
	}
}

// compute computes a slab and gives its buffer back.
func (r *groupRun) compute(s *slab) {
	room, err := r.e.enter()
	if err == nil {
		err = r.e.compute(room, s)
		r.e.leave(room)
	}
	w := s.win
	s.data = s.data[:cap(s.data)]
	if err == nil {
		err = r.done(w)
	}
	if err != nil {
		r.e.cancel(err)
	}
	r.slabs <- s
}

// done counts down; the last one writes the window.
func (r *groupRun) done(w *openWindow) error {
	if w.pending.Add(-1) > 0 {
		return nil
	}
	err := w.write(w.buf, r.e.write)
	r.windows <- w
	return err
}
