package compare

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/all"
)

// Options says what counts as equal.
type Options struct {
	// Values within atol + rtol*|b| are equal. With either, element types may
	// differ as long as both are floats.
	ATol, RTol float64
	// Match says which parameters are compared; nil: all. The others are in
	// neither list of what one side lacks.
	Match func(name string) bool
	// Progress is told how many bytes have been compared, of how many. It is
	// called by one goroutine at a time. It may be nil.
	Progress func(done, all int64)
}

func (o Options) tolerant() bool { return o.ATol > 0 || o.RTol > 0 }

// ErrTrees says that it is not plain which trees are meant to be compared.
var ErrTrees = errors.New("not the same trees")

// Compare compares the checkpoints at two paths. Errors wrap those of package
// store, or ErrTrees.
func Compare(ctx context.Context, a, b string, o Options) (*Report, error) {
	da, err := all.Open(ctx, a, all.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = da.Close() }()
	db, err := all.Open(ctx, b, all.Options{})
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	return directories(ctx, da, db, o)
}

// directories compares two opened directories. A single tree is compared with
// a single tree, whatever their names; else trees of one name are compared.
func directories(ctx context.Context, da, db store.Directory, o Options) (*Report, error) {
	na, nb := da.Describe().Trees, db.Describe().Trees
	var names []string
	single := len(na) == 1 && len(nb) == 1
	if !single {
		for _, n := range na {
			if slices.Contains(nb, n) {
				names = append(names, n)
			}
		}
		if len(names) == 0 {
			return nil, fmt.Errorf("%w: A holds %q and B holds %q; name one tree of each", ErrTrees, na, nb)
		}
	}
	c := &comparison{ctx: ctx, o: o, report: &Report{OnlyInA: []string{}, OnlyInB: []string{}, Tensors: []Tensor{}, Strings: []String{}}}
	if single {
		if err := c.pair(da, db, na[0], nb[0], ""); err != nil {
			return nil, err
		}
		return c.finish(), nil
	}
	for _, n := range names {
		if err := c.pair(da, db, n, n, prefix(n)); err != nil {
			return nil, err
		}
	}
	if err := errors.Join(c.alone(da, na, names, &c.report.OnlyInA), c.alone(db, nb, names, &c.report.OnlyInB)); err != nil {
		return nil, err
	}
	return c.finish(), nil
}

// prefix tells the trees of a directory apart in names.
func prefix(tree string) string { return tree + ": " }

type comparison struct {
	ctx    context.Context
	o      Options
	report *Report
}

// alone lists what is in the trees that the other side lacks.
func (c *comparison) alone(d store.Directory, have, both []string, only *[]string) error {
	for _, n := range have {
		if slices.Contains(both, n) {
			continue
		}
		r, err := d.Tree(n)
		if err != nil {
			return err
		}
		for i := range r.Manifest().Tensors {
			*only = append(*only, prefix(n)+r.Manifest().Tensors[i].Name)
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

// pair compares two trees.
func (c *comparison) pair(da, db store.Directory, na, nb, prefix string) error {
	ra, err := da.Tree(na)
	if err != nil {
		return fmt.Errorf("directory A: %w", err)
	}
	defer func() { _ = ra.Close() }()
	rb, err := db.Tree(nb)
	if err != nil {
		return fmt.Errorf("directory B: %w", err)
	}
	defer func() { _ = rb.Close() }()
	ma, mb := ra.Manifest(), rb.Manifest()
	for _, m := range []*manifest.Manifest{ma, mb} {
		if d := m.Duplicates(); len(d) > 0 {
			return fmt.Errorf("several parameters have the name %q: %w", d[0], store.ErrUnsupported)
		}
	}
	c.text(ma, mb, prefix)
	jobs := c.match(ma, mb, prefix)
	if err := c.run(ra, rb, jobs); err != nil {
		return err
	}
	for i := range jobs {
		j := &jobs[i]
		j.out.Name = prefix + j.a.Name
		switch {
		case j.out.Reason != "":
			c.report.Tensors = append(c.report.Tensors, j.out)
		case j.a.DType != j.b.DType:
			c.report.Widened++
		}
	}
	c.report.Compared += len(jobs)
	return errors.Join(ra.Recheck(), rb.Recheck())
}

// job is one parameter that both trees have.
type job struct {
	a, b *manifest.Tensor
	out  Tensor
}

// match pairs parameters by name; a trailing "value" does not count.
func (c *comparison) match(ma, mb *manifest.Manifest, prefix string) []job {
	var jobs []job
	for i := range ma.Tensors {
		a := &ma.Tensors[i]
		if c.o.Match != nil && !c.o.Match(a.Name) {
			continue
		}
		if b := mb.Lookup(a.Name); b != nil {
			jobs = append(jobs, job{a: a, b: b, out: Tensor{DTypeA: a.DType, DTypeB: b.DType, ShapeA: orEmpty(a.Shape), ShapeB: orEmpty(b.Shape)}})
		} else {
			c.report.OnlyInA = append(c.report.OnlyInA, prefix+a.Name)
		}
	}
	for i := range mb.Tensors {
		if n := mb.Tensors[i].Name; ma.Lookup(n) == nil && (c.o.Match == nil || c.o.Match(n)) {
			c.report.OnlyInB = append(c.report.OnlyInB, prefix+n)
		}
	}
	return jobs
}

func orEmpty[S ~[]E, E any](s S) S {
	if s == nil {
		return S{}
	}
	return s
}

// run compares the parameters of all jobs. The error is that of the first job
// that has one.
func (c *comparison) run(ra, rb store.Reader, jobs []job) error {
	ctx, cancel := context.WithCancel(c.ctx)
	defer cancel()
	m := &meter{tell: c.o.Progress}
	for i := range jobs {
		m.all += int64(jobs[i].a.Shape.Elements())*int64(jobs[i].a.DType.Size()) + int64(jobs[i].b.Shape.Elements())*int64(jobs[i].b.DType.Size())
	}
	errs := make([]error, len(jobs))
	work := make(chan int)
	var wg sync.WaitGroup
	for range min(2, runtime.GOMAXPROCS(0), len(jobs)) {
		wg.Go(func() {
			for i := range work {
				if errs[i] = c.one(ctx, ra, rb, &jobs[i], m); errs[i] != nil {
					cancel()
				}
			}
		})
	}
	for i := range jobs {
		if ctx.Err() != nil {
			break
		}
		work <- i
	}
	close(work)
	wg.Wait()
	if err := c.ctx.Err(); err != nil {
		return err
	}
	var echo error
	for _, err := range errs {
		if err != nil && !errors.Is(err, context.Canceled) {
			return err
		} else if err != nil {
			echo = err
		}
	}
	return echo
}

// one compares one parameter.
func (c *comparison) one(ctx context.Context, ra, rb store.Reader, j *job, m *meter) error {
	out := &j.out
	switch {
	case !j.a.Shape.Equal(j.b.Shape):
		out.Reason = "shape"
		return nil
	case !comparable(j.a.DType, j.b.DType):
		out.Reason = "dtype"
		return nil
	}
	out.Elements = int64(j.a.Shape.Elements())
	v := &values{dtypeA: j.a.DType, dtypeB: j.b.DType, atol: c.o.ATol, rtol: c.o.RTol, tolerant: c.o.tolerant(), out: out, meter: m}
	if err := v.stream(ctx, ra, rb, j.a, j.b); err != nil {
		return fmt.Errorf("%q in %w", j.a.Name, err)
	}
	if out.Differing > 0 {
		out.Reason, out.First = "values", index(v.first, j.a.Shape)
	}
	if j.a.DType != j.b.DType && !c.o.tolerant() {
		out.Reason = "dtype"
	}
	return nil
}

// text compares the leaves that are text.
func (c *comparison) text(ma, mb *manifest.Manifest, prefix string) {
	get := func(m *manifest.Manifest) map[string]*string {
		out := map[string]*string{}
		for i := range m.Strings {
			out[strings.Join(m.Strings[i].Path, "/")] = &m.Strings[i].Value
		}
		return out
	}
	a, b := get(ma), get(mb)
	for n, s := range a {
		if t := b[n]; t == nil || *t != *s {
			c.report.Strings = append(c.report.Strings, String{Name: prefix + n, A: s, B: t})
		}
	}
	for n, t := range b {
		if a[n] == nil {
			c.report.Strings = append(c.report.Strings, String{Name: prefix + n, B: t})
		}
	}
}

func (c *comparison) finish() *Report {
	r := c.report
	slices.SortFunc(r.Strings, func(a, b String) int { return strings.Compare(a.Name, b.Name) })
	slices.SortStableFunc(r.Tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	r.Equal = len(r.OnlyInA)+len(r.OnlyInB)+len(r.Tensors)+len(r.Strings) == 0
	return r
}

// meter counts bytes of all goroutines.
type meter struct {
	mu   sync.Mutex
	done int64
	all  int64
	tell func(done, all int64)
}

func (m *meter) add(n int64) {
	if m.tell == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += n
	m.tell(m.done, m.all)
}
