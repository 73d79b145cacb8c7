package plan

import (
	"fmt"
	"path"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/tensor"
)

// Codes of the diagnostics that Check reports.
const (
	CodePlan       = "plan-invalid"         // the plan contradicts itself: a fault of the plugin
	CodeUnexpected = "unexpected-parameter" // nothing uses a source parameter, or a part of it
	CodeTwice      = "used-and-dropped"
	CodeDuplicate  = "duplicate-name"
	CodeBadName    = "bad-name"
	CodeShape      = "shape-mismatch"
)

// Check proves that a plan can be run on sources with these manifests, and
// that nothing is lost: shapes and types hold, every output name is made once,
// and every element of every source is used or dropped. It reports all faults
// it finds. It never panics, whatever a plugin sent.
func Check(p *Plan, m Manifests) diag.List {
	c := &checker{p: p, m: m, ledger: newLedger(m)}
	c.run()
	c.ds.Sort()
	return c.ds
}

func (c *checker) run() {
	c.head()
	c.names()
	if c.ds.HasErrors() {
		return
	}
	p := c.p
	for i := range p.Tensors {
		if c.full() {
			return
		}
		c.tensor(&p.Tensors[i])
	}
	for i := range p.Drops {
		if c.full() {
			return
		}
		if err := c.ledger.drop(&p.Drops[i]); err != nil {
			c.fault("drop of %q: %v", p.Drops[i].Name, err)
		} else if p.Drops[i].Reason == "" {
			c.fault("drop of %q gives no reason", p.Drops[i].Name)
		}
	}
	for i := range p.Deltas {
		if c.full() {
			return
		}
		if err := c.delta(i); err != nil {
			c.fault("delta of %q: %v", p.Deltas[i].Module, err)
		}
	}
	if !c.ds.HasErrors() {
		c.balance()
	}
}

// delta checks that a delta can be worked out. It is not in the ledger: what
// it reads, the factors read.
func (c *checker) delta(i int) error {
	d := &c.p.Deltas[i]
	if i > 0 && c.p.Deltas[i-1].Module == d.Module || i >= len(c.p.Tensors) {
		return fmt.Errorf("the module stands twice, or there are more deltas than tensors")
	}
	for _, b := range d.Bases {
		if err := b.Shape.Check(tensor.Float32); err != nil {
			return err
		}
	}
	s, err := Infer(d.Expr, d.Manifests(c.m))
	if err != nil {
		return err
	}
	if !s.Equal(d.Shape) {
		return fmt.Errorf("shape %v, its expression gives %v", d.Shape, s)
	}
	return nil
}

type checker struct {
	p      *Plan
	m      Manifests
	ledger *ledger
	ds     diag.List
}

// maxFaults bounds how many faults one Check reports: with so many, one thing
// is wrong and not a thousand.
const maxFaults = 1000

// full reports whether enough faults are known, and says so in the last.
func (c *checker) full() bool {
	if len(c.ds) < maxFaults {
		return false
	}
	if len(c.ds) == maxFaults {
		c.ds.Errorf(c.ds.Class(), CodePlan, "More faults than are reported", "the first %d are shown; the check stopped there", maxFaults)
	}
	return true
}

// fault reports a plan that no plugin should have returned.
func (c *checker) fault(format string, args ...any) {
	c.ds.Errorf(diag.Plugin, CodePlan, "The plugin returned a plan that cannot be run", format, args...)
}

func (c *checker) head() {
	if c.p.Version != Version {
		c.fault("plan version %d, wanted %d", c.p.Version, Version)
	}
	seen := map[string]bool{}
	for _, s := range c.p.Sources {
		if seen[s] || c.m[s] == nil {
			c.fault("source %q is unknown or named twice", s)
		}
		seen[s] = true
	}
	for s, man := range c.m {
		if !seen[s] {
			c.fault("source %q is not in the plan", s)
		}
		for _, n := range man.Duplicates() {
			c.ds.Errorf(diag.Keys, CodeDuplicate, "Two parameters have one name", "source %q holds the parameter %q twice; rename one of them in the checkpoint", s, n).Tensor = n
		}
	}
	if !localPath(c.p.Output.File) || c.p.Output.MaxShard < 0 {
		c.fault("output file %q", c.p.Output.File)
	}
}

func (c *checker) names() {
	seen := map[string]string{}
	for i := range c.p.Tensors {
		t := &c.p.Tensors[i]
		if c.full() {
			return
		}
		if err := tensorName(t.Name); err != nil {
			c.ds.Errorf(diag.Keys, CodeBadName, "An output tensor's name cannot be used", "%q: %v (row %q)", t.Name, err, t.Rule).Tensor = t.Name
		}
		if other, ok := seen[t.Name]; ok {
			c.ds.Errorf(diag.Keys, CodeDuplicate, "Two rows make one output tensor", "%q is made by row %q and by row %q", t.Name, other, t.Rule).Tensor = t.Name
		}
		seen[t.Name] = t.Rule
	}
	paths := map[string]bool{c.p.Output.File: true}
	claim := func(to string) {
		if !localPath(to) || paths[to] {
			c.fault("output file %q is named twice or is not a plain relative path", to)
		}
		paths[to] = true
	}
	for _, f := range c.p.Files {
		if c.full() {
			return
		}
		claim(f.To)
		if !localPath(f.Path) || f.From != "template" && c.m[f.From] == nil {
			c.fault("file %q of %q cannot be copied", f.Path, f.From)
		}
	}
	for _, d := range c.p.Documents {
		if c.full() {
			return
		}
		claim(d.Path)
	}
}

func tensorName(s string) error {
	if s == "" || len(s) > 1024 {
		return fmt.Errorf("it has %d bytes, wanted 1 to 1024", len(s))
	}
	if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Errorf("it holds bytes that are not printable text")
	}
	return nil
}

// localPath reports whether s is a clean relative path that stays inside.
func localPath(s string) bool {
	return s != "" && s != "." && path.Clean(s) == s && !path.IsAbs(s) && s != ".." &&
		!strings.HasPrefix(s, "../") && !strings.ContainsAny(s, "\\:\x00") && tensorName(s) == nil
}

func (c *checker) tensor(t *Tensor) {
	fail := func(err error) {
		c.ds.Errorf(diag.Keys, CodeShape, "A tensor cannot be computed", "%s (row %q): %v", t.Name, t.Rule, err).Tensor = t.Name
	}
	s, err := Infer(t.Expr, c.m)
	if err != nil {
		fail(err)
		return
	}
	if !s.Equal(t.Shape) {
		fail(fmt.Errorf("its expression has shape %v, the plan says %v", s, t.Shape))
		return
	}
	if err := s.Check(t.DType); err != nil {
		fail(err)
		return
	}
	ps, err := lowerWithin(t.Expr, c.m, c.ledger.budget)
	if err != nil {
		fail(err)
		return
	}
	n := 0
	for i := range ps {
		n += ps[i].Elements()
		if err := c.types(t, &ps[i]); err != nil {
			fail(err)
			return
		}
	}
	if n != s.Elements() {
		fail(fmt.Errorf("its pieces cover %d of %d elements", n, s.Elements()))
		return
	}
	if err := c.ledger.read(ps); err != nil {
		fail(err)
	}
}

func (c *checker) balance() {
	for _, from := range c.p.Sources {
		man := c.m[from]
		for i := range man.Tensors {
			t := &man.Tensors[i]
			if c.full() {
				break
			}
			c.account(from, t.Name, t.Shape)
		}
	}
	// Keep the order of pages out of the result: ds is sorted by the caller.
	sort.SliceStable(c.ds, func(i, j int) bool { return c.ds[i].Tensor < c.ds[j].Tensor })
}

func (c *checker) account(from, name string, s tensor.Shape) {
	e := c.ledger.pages[page{from, name}]
	if e == nil {
		c.ds.Errorf(diag.Keys, CodeUnexpected, "A source parameter is used by nothing",
			"%s in source %q: no row uses it and nothing drops it; if it may be left out, say so with a drop block and a reason", name, from).Tensor = name
		return
	}
	b, err := e.balance(s, c.ledger.budget)
	switch {
	case err != nil:
		c.ds.Errorf(diag.Keys, CodeUnexpected, "A source parameter cannot be accounted for", "%s in source %q: %v", name, from, err).Tensor = name
	case b.unused > 0:
		c.ds.Errorf(diag.Keys, CodeUnexpected, "A part of a source parameter is used by nothing",
			"%s in source %q, shape %v: %d of %d elements are neither used nor dropped, the first is %s", name, from, s, b.unused, b.total, b.where).Tensor = name
	case b.both > 0:
		c.ds.Errorf(diag.Keys, CodeTwice, "A source parameter is both used and dropped",
			"%s in source %q: %d of %d elements", name, from, b.both, b.total).Tensor = name
	}
}
