package view

import (
	"fmt"
	"io"
	"time"

	"github.com/loraconv/loraconv/cmd/internal/codes"
	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/sdk"
)

// Text shows a session to people: results on stdout, all else on stderr. It is
// a session.Observer.
type Text struct {
	stdout, stderr io.Writer
	live           *Live
	options        spec.RenderOptions
	file           *spec.File // whose lines warnings show; nil: none yet

	hinted bool

	phase string
	begun time.Time
}

// NewText makes a Text; what it shows on stderr depends on whether that is a
// terminal.
func NewText(stdout, stderr io.Writer) *Text {
	_, width := Terminal(stderr)
	return &Text{stdout: stdout, stderr: stderr, live: NewLive(stderr), options: spec.RenderOptions{Color: Color(stderr), Width: width}}
}

// Phase shows that a conversion begins something new.
func (t *Text) Phase(conversion, name string) {
	t.phase, t.begun = name, t.live.now()
	t.live.Clear()
	if !t.live.terminal {
		fmt.Fprintf(t.stderr, "%s: %s\n", Printable(conversion), Printable(name))
	}
}

// Progress shows how far a phase is, and how long it will take if it goes on
// as it began.
func (t *Text) Progress(conversion string, p sdk.Progress) {
	t.live.Show(func() string {
		return fmt.Sprintf("%s: %s", Printable(conversion), progress(t.phase, p, t.live.now().Sub(t.begun)))
	})
}

func progress(phase string, p sdk.Progress, took time.Duration) string {
	s := phase
	done, all := p.Read+p.Written, p.ReadAll+p.All
	if all > 0 && done >= 0 && done <= all {
		s += fmt.Sprintf(" %d%%", int(100*float64(done)/float64(all)))
	}
	s += fmt.Sprintf(", read %s of %s", Bytes(p.Read), Bytes(p.ReadAll))
	if p.All > 0 {
		s += fmt.Sprintf(", wrote %s of %s", Bytes(p.Written), Bytes(p.All))
	}
	// The first moments say little about the rest.
	if took > 2*time.Second && done > 0 && done < all {
		s += ", " + Duration(time.Duration(float64(took)*float64(all-done)/float64(done))) + " left"
	}
	return s
}

// Warning shows a remark.
func (t *Text) Warning(_ string, d *diag.Diagnostic) { t.Diagnostics(t.file, diag.List{d}) }

// Diagnostics shows diagnostics, with the spec's lines where they have a place;
// f is nil where there is no spec.
func (t *Text) Diagnostics(f *spec.File, ds diag.List) {
	if t.file = f; len(ds) == 0 {
		return
	}
	t.live.Clear()
	shown := make(diag.List, len(ds))
	for i, d := range ds {
		x := *d
		if f == nil {
			x.Range = nil // there are no lines to show
		} else {
			x.Summary, x.Detail = f.Redact(x.Summary), f.Redact(x.Detail)
		}
		shown[i] = &x
	}
	if f == nil {
		f = &spec.File{}
	}
	_ = f.Render(t.stderr, shown, t.options)
	t.hint(ds)
}

// hint says, once, where the rest of the first error's story is.
func (t *Text) hint(ds diag.List) {
	for _, d := range ds {
		if d.Severity == diag.Error && !t.hinted && codes.Find(d.Code) != nil {
			t.hinted = true
			fmt.Fprintf(t.stderr, "What to do: loraconv explain %s\n", d.Code)
		}
	}
}

// Published shows what a run has made.
func (t *Text) Published(conversion string, r *session.Result) {
	t.live.Clear()
	conversion, output := t.show(conversion), t.show(Path(r.Output))
	if r.Unchanged {
		fmt.Fprintf(t.stdout, "%s: %s is there already, complete and the same: %s, %s\n", conversion, output, Count(r.Tensors, "tensor"), Count(r.Files, "file"))
		return
	}
	fmt.Fprintf(t.stdout, "%s: published %s: %s (%d merged with LoRA), %s, in %s\n", conversion, output, Count(r.Tensors, "tensor"), r.Merged, Bytes(r.Bytes), Duration(r.Elapsed))
}
