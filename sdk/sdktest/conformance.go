package sdktest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/sdk"
)

// Bounds of one Conformance run: a large model has far more parameters than a
// test has time, so they are taken at even distances.
const (
	repeats    = 5
	mostParams = 200
)

// Conformance checks what a converter says of itself, whose tables of rules
// must be readable, and its answers to requests that it must accept. Each
// request is a subtest, with these parts:
//
//	repeat    the same request gives the same bytes, again and again
//	shuffle   and so does a manifest in another order
//	remove    without a parameter,
//	rename    with one that has another name,
//	add       and with one more, something says so, in the same words each time:
//	          an error names one of the parameters, or the plan's facts
//	          change, or the plan drops one by name and for a reason
//
// The converter is put behind a Harness.
func Conformance(t *testing.T, c sdk.Converter, requests ...sdk.PlanRequest) {
	t.Helper()
	ctx := context.Background()
	t.Run("describe", func(t *testing.T) {
		first := ""
		var last *sdk.DescribeResponse
		for range repeats {
			d, err := Harness(t, c).Describe(ctx, sdk.DescribeRequest{HostVersion: "0.0.0"})
			if err != nil {
				t.Fatal(err)
			}
			b, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			if first == "" {
				first = string(b)
			}
			if diff := cmp.Diff(first, string(b)); diff != "" {
				t.Fatalf("two answers differ (-first +later):\n%s", diff)
			}
			last = d
		}
		for name, rows := range last.Rules {
			if _, err := rule.Parse(rows, name); err != nil {
				t.Errorf("the table of rules %q cannot be read:\n%v", name, err)
			}
		}
	})
	for i, r := range requests {
		name := r.Conversion
		if name == "" {
			name = fmt.Sprint(i)
		}
		t.Run(name, func(t *testing.T) {
			s := &suite{conv: Harness(t, c), req: r}
			if !s.accepted(t) {
				return
			}
			t.Run("repeat", s.repeat)
			t.Run("shuffle", s.shuffle)
			for i := range r.Sources {
				t.Run("remove/"+r.Sources[i].Name, func(t *testing.T) { s.each(t, i, remove) })
				t.Run("rename/"+r.Sources[i].Name, func(t *testing.T) { s.each(t, i, rename) })
				t.Run("add/"+r.Sources[i].Name, func(t *testing.T) { s.each(t, i, add) })
			}
		})
	}
}

// suite is one request and the answer to it.
type suite struct {
	conv  sdk.Converter
	req   sdk.PlanRequest
	plan  *plan.Plan
	bytes []byte
}

// accepted makes the plan that the others are compared with.
func (s *suite) accepted(t *testing.T) bool {
	t.Helper()
	p, bytes, ds := s.ask(t, s.req)
	if ds.HasErrors() {
		t.Errorf("the request is refused: %v", ds)
		return false
	}
	s.plan, s.bytes = p, bytes
	return true
}

// ask plans and checks, as the host does.
func (s *suite) ask(t *testing.T, r sdk.PlanRequest) (*plan.Plan, []byte, diag.List) {
	t.Helper()
	resp, err := s.conv.Plan(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Diagnostics.HasErrors() {
		return nil, nil, resp.Diagnostics
	}
	b, err := plan.Encode(resp.Plan)
	if err != nil {
		t.Fatal(err)
	}
	m := plan.Manifests{}
	for _, src := range r.Sources {
		m[src.Name] = src.Manifest
	}
	return resp.Plan, b, append(resp.Diagnostics, plan.Check(resp.Plan, m)...)
}

func (s *suite) repeat(t *testing.T) {
	for range repeats {
		s.same(t, s.req)
	}
}

func (s *suite) shuffle(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range repeats {
		r := s.req
		r.Sources = append([]sdk.Source(nil), r.Sources...)
		for i := range r.Sources {
			m := *r.Sources[i].Manifest
			m.Tensors = append([]manifest.Tensor(nil), m.Tensors...)
			random.Shuffle(len(m.Tensors), func(a, b int) { m.Tensors[a], m.Tensors[b] = m.Tensors[b], m.Tensors[a] })
			r.Sources[i].Manifest = &m
		}
		resp, err := s.conv.Plan(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		s.compare(t, resp)
	}
}

func (s *suite) same(t *testing.T, r sdk.PlanRequest) {
	t.Helper()
	resp, err := s.conv.Plan(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	s.compare(t, resp)
}

func (s *suite) compare(t *testing.T, resp *sdk.PlanResponse) {
	t.Helper()
	if resp.Plan == nil {
		t.Fatalf("refused: %v", resp.Diagnostics)
	}
	b, err := plan.Encode(resp.Plan)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, s.bytes) {
		t.Fatalf("the plan differs (-first +later):\n%s", cmp.Diff(strings.SplitAfter(string(s.bytes), "\n"), strings.SplitAfter(string(b), "\n")))
	}
}

// change alters one parameter of a manifest and returns the names that
// somebody must now name.
type change func(m *manifest.Manifest, i int) (names []string)

func remove(m *manifest.Manifest, i int) []string {
	name := m.Tensors[i].Name
	m.Tensors = append(m.Tensors[:i:i], m.Tensors[i+1:]...)
	return []string{name}
}

func rename(m *manifest.Manifest, i int) []string {
	t := &m.Tensors[i]
	old := t.Name
	t.Name += "_renamed"
	t.Path = strings.Split(t.Name, "/")
	m.Sort()
	return []string{old, old + "_renamed"}
}

func add(m *manifest.Manifest, i int) []string {
	t := m.Tensors[i]
	t.Name += "_added"
	t.Path = strings.Split(t.Name, "/")
	m.Tensors = append(m.Tensors, t)
	m.Sort()
	return []string{t.Name}
}

// each makes one change to one parameter after the other.
func (s *suite) each(t *testing.T, source int, change change) {
	n := len(s.req.Sources[source].Manifest.Tensors)
	step := max(1, (n+mostParams-1)/mostParams)
	for i := 0; i < n; i += step {
		was := &s.req.Sources[source].Manifest.Tensors[i]
		if s.dropped(s.req.Sources[source].Name, was.Name) {
			continue // what the plan leaves out by name may be absent
		}
		r := s.req
		r.Sources = append([]sdk.Source(nil), r.Sources...)
		r.Sources[source].Manifest = r.Sources[source].Manifest.Clone()
		names := change(r.Sources[source].Manifest, i)
		p, _, ds := s.ask(t, r)
		if i%(repeats*step) == 0 {
			if _, _, again := s.ask(t, r); !cmp.Equal(ds.Error(), again.Error()) {
				t.Errorf("the same request is answered in other words the second time (-first +later):\n%s", cmp.Diff(ds.Error(), again.Error()))
			}
		}
		if !s.noticed(p, ds, names) {
			t.Errorf("with %q in place of %q nothing says so: no error names either, and the plan's facts and drops are as before\n%v", names, was.Name, ds)
		}
	}
}

func (s *suite) dropped(from, name string) bool {
	for _, d := range s.plan.Drops {
		if d.From == from && d.Name == name && len(d.Index) == 0 {
			return true
		}
	}
	return false
}

// noticed reports whether an error names one of the parameters, or else a
// fact changed, or the plan now drops one of them by name and for a reason.
func (s *suite) noticed(p *plan.Plan, ds diag.List, names []string) bool {
	for _, d := range ds {
		for _, n := range names {
			if d.Severity == diag.Error && (d.Tensor == n || mentions(d.Summary+"\n"+d.Detail, n)) {
				return true
			}
		}
	}
	if p == nil || ds.HasErrors() {
		return false
	}
	if !cmp.Equal(p.Facts, s.plan.Facts) {
		return true
	}
	for _, d := range p.Drops {
		for _, n := range names {
			if d.Name == n && d.Reason != "" {
				return true
			}
		}
	}
	return false
}

// mentions reports whether text holds name, and not only as a part of another
// name.
func mentions(text, name string) bool {
	for {
		before, after, ok := strings.Cut(text, name)
		if !ok {
			return false
		}
		last, _ := utf8.DecodeLastRuneInString(before)
		next, _ := utf8.DecodeRuneInString(after)
		if !inName(last) && !inName(next) {
			return true
		}
		text = after
	}
}

func inName(r rune) bool {
	return r == '_' || r == '/' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
}
