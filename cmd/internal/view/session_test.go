package view

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/sdk"
)

var (
	_ session.Observer = (*Text)(nil)
	_ session.Observer = (*Events)(nil)
)

// observe plays a session of 11 seconds.
func observe(o session.Observer, now *time.Time) {
	o.Phase("robot", "stream")
	for i := range int64(11) {
		*now = now.Add(time.Second)
		o.Progress("robot", sdk.Progress{Read: i << 20, ReadAll: 20 << 20, Written: i << 20, All: 20 << 20})
	}
	o.Warning("robot", &diag.Diagnostic{Severity: diag.Warning, Code: "odd", Summary: "Odd", Detail: "an \x1b escape", Range: &diag.Range{File: "x.hcl"}})
	o.Published("robot", &session.Result{Output: "/out/robot", Files: 1, Tensors: 89, Merged: 10, Bytes: 3 << 20, Elapsed: 11 * time.Second})
	o.Published("again", &session.Result{Output: "/out/robot", Files: 1, Tensors: 89, Unchanged: true})
}

func TestText(t *testing.T) {
	var stdout, stderr bytes.Buffer
	text := NewText(&stdout, &stderr)
	now := time.Unix(100, 0)
	text.live.now, text.live.last = func() time.Time { return now }, now
	observe(text, &now)
	wantErr := `robot: stream
robot: stream 20%, read 4.0 MiB of 20.0 MiB, wrote 4.0 MiB of 20.0 MiB, 20.0s left
robot: stream 45%, read 9.0 MiB of 20.0 MiB, wrote 9.0 MiB of 20.0 MiB, 12.2s left
Warning: Odd (odd)
  an \u001b escape
`
	if d := cmp.Diff(wantErr, stderr.String()); d != "" {
		t.Error(d)
	}
	wantOut := `robot: published /out/robot: 89 tensors (10 merged with LoRA), 3.0 MiB, in 11.0s
again: /out/robot is there already, complete and the same: 89 tensors, 1 file
`
	if d := cmp.Diff(wantOut, stdout.String()); d != "" {
		t.Error(d)
	}
}

// TestTextOfDigests: there is nothing to write while files are read back.
func TestTextOfDigests(t *testing.T) {
	got := progress("digest", sdk.Progress{Read: 5 << 20, ReadAll: 20 << 20}, 4*time.Second)
	if want := "digest 25%, read 5.0 MiB of 20.0 MiB, 12.0s left"; got != want {
		t.Errorf("%q, wanted %q", got, want)
	}
}

func TestEvents(t *testing.T) {
	if plan.Version != 1 {
		t.Fatal("the plan's version changed: change the first line below")
	}
	var b bytes.Buffer
	e := NewEvents(&b, "1.2.3")
	now := time.Unix(100, 0)
	e.now = func() time.Time { return now }
	observe(e, &now)
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if n := len(lines); n != 1+1+11+1+2 {
		t.Errorf("%d lines", n)
	}
	got := strings.Join([]string{lines[0], lines[1], lines[3], lines[len(lines)-2], lines[len(lines)-1]}, "\n")
	want := `{"type":"version","loraconv":"1.2.3","stream":1,"plan":1}
{"type":"phase","conversion":"robot","phase":"stream"}
{"type":"progress","conversion":"robot","phase":"stream","read":1048576,"read_all":20971520,"written":1048576,"all":20971520}
{"type":"published","conversion":"robot","output":"/out/robot","files":1,"tensors":89,"merged":10,"bytes":3145728,"unchanged":false,"seconds":11}
{"type":"published","conversion":"again","output":"/out/robot","files":1,"tensors":89,"merged":0,"bytes":0,"unchanged":true,"seconds":0}`
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	want = `{"type":"diagnostic","severity":"warning","code":"odd","summary":"Odd","detail":"an \u001b escape","range":{"file":"x.hcl","start":{"line":0,"column":0,"byte":0},"end":{"line":0,"column":0,"byte":0}}}`
	if d := cmp.Diff(want, lines[len(lines)-3]); d != "" {
		t.Error(d)
	}
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestEventsThatCannotBeWritten(t *testing.T) {
	e := NewEvents(full{}, "1")
	e.Phase("a", "b")
	if !errors.Is(e.Err(), errFull) {
		t.Error(e.Err())
	}
}
