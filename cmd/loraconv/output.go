package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	"golang.org/x/term"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/sdk"
)

// output is where a command's results and remarks go: results to stdout,
// everything else to stderr; with -json one object a line on stdout.
type output struct {
	app   *app
	json  *json.Encoder // nil: text
	file  *spec.File    // for snippets in warnings
	live  bool          // stderr is a terminal
	width int

	mu    sync.Mutex
	phase string
	drawn bool // a live line stands on the terminal
	last  time.Time
}

// output makes the form that -json chooses. In JSON, the first line says which
// version of the stream follows.
func (a *app) output(asJSON bool) *output {
	o := &output{app: a}
	if f, ok := a.stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		o.live = true
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			o.width = w
		}
	}
	if asJSON {
		o.json = json.NewEncoder(a.stdout)
		o.json.SetEscapeHTML(false)
		o.emit(map[string]any{"type": "version", "loraconv": version, "stream": 1, "plan": plan.Version})
	}
	return o
}

// logger shows what plugins log at warning level and above.
func (a *app) logger() hclog.Logger {
	level := hclog.Warn
	if s := os.Getenv("LORACONV_LOG"); s != "" {
		level = hclog.LevelFromString(s)
	}
	return hclog.New(&hclog.LoggerOptions{Name: "loraconv", Level: level, Output: a.stderr, DisableTime: true})
}

func (o *output) emit(v any) {
	if err := o.json.Encode(v); err != nil {
		fmt.Fprintf(o.app.stderr, "Error: stdout: %v\n", err)
	}
}

// Phase shows that a conversion begins something new.
func (o *output) Phase(conversion, name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.phase, o.last = name, time.Time{}
	if o.json != nil {
		o.emit(map[string]any{"type": "phase", "conversion": conversion, "phase": name})
		return
	}
	o.clear()
	if !o.live {
		fmt.Fprintf(o.app.stderr, "%s: %s\n", conversion, name)
	}
}

// Progress shows how far a conversion is: often on a terminal, every five
// seconds elsewhere.
func (o *output) Progress(conversion string, p sdk.Progress) {
	o.mu.Lock()
	defer o.mu.Unlock()
	every := 5 * time.Second
	if o.live {
		every = 100 * time.Millisecond
	}
	if o.json != nil {
		every = time.Second
	}
	if time.Since(o.last) < every {
		return
	}
	o.last = time.Now()
	if o.json != nil {
		o.emit(map[string]any{"type": "progress", "conversion": conversion, "phase": o.phase, "read": p.Read, "read_all": p.ReadAll, "written": p.Written, "all": p.All})
		return
	}
	line := fmt.Sprintf("%s: %s, read %s of %s, wrote %s of %s", conversion, o.phase, size(p.Read), size(p.ReadAll), size(p.Written), size(p.All))
	if !o.live {
		fmt.Fprintln(o.app.stderr, line)
		return
	}
	if o.width > 0 && len(line) >= o.width {
		line = line[:o.width-1]
	}
	fmt.Fprintf(o.app.stderr, "\r\x1b[K%s", line)
	o.drawn = true
}

func (o *output) clear() {
	if o.drawn {
		fmt.Fprint(o.app.stderr, "\r\x1b[K")
		o.drawn = false
	}
}

// Warning shows a remark.
func (o *output) Warning(_ string, d *diag.Diagnostic) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.show(o.file, diag.List{d})
}

// Published shows what a run has made.
func (o *output) Published(conversion string, r *session.Result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.json != nil {
		o.emit(map[string]any{"type": "published", "conversion": conversion, "output": r.Output, "files": r.Files, "tensors": r.Tensors, "merged": r.Merged, "bytes": r.Bytes, "unchanged": r.Unchanged, "seconds": r.Elapsed.Seconds()})
		return
	}
	o.clear()
	if r.Unchanged {
		fmt.Fprintf(o.app.stdout, "%s: %s is there already, complete and the same: %d tensors, %d files\n", conversion, r.Output, r.Tensors, r.Files)
		return
	}
	fmt.Fprintf(o.app.stdout, "%s: published %s: %d tensors (%d merged with LoRA), %s, in %s\n", conversion, r.Output, r.Tensors, r.Merged, size(r.Bytes), r.Elapsed.Round(10*time.Millisecond))
}

// show prints diagnostics, with the spec's lines where they have a place.
func (o *output) show(f *spec.File, ds diag.List) {
	if len(ds) == 0 {
		return
	}
	if o.json != nil {
		for _, d := range ds {
			o.emit(map[string]any{"type": "diagnostic", "diagnostic": d})
		}
		return
	}
	o.clear()
	if f == nil {
		f = &spec.File{}
	}
	_, noColor := os.LookupEnv("NO_COLOR")
	_ = f.Render(o.app.stderr, ds, spec.RenderOptions{Color: o.live && !noColor, Width: o.width})
}

// diagnose prints diagnostics and returns an error with their exit code when
// one of them is an error.
func (o *output) diagnose(f *spec.File, ds diag.List) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.file = f
	o.show(f, ds)
	if ds.HasErrors() {
		return reported{ds.Class().ExitCode()}
	}
	return nil
}

// fail prints what is inside an error. An interruption is left to main.
func (o *output) fail(f *spec.File, err error) error {
	if isInterrupt(err) {
		return err
	}
	ds := asList(err)
	if f != nil {
		f.Place(ds)
	}
	return o.diagnose(f, ds)
}

// plan prints a checked plan.
func (o *output) plan(p *session.Prepared) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.json != nil {
		b, err := plan.Encode(p.Plan)
		if err != nil {
			return err
		}
		o.emit(map[string]any{"type": "plan", "conversion": p.Name, "output": p.Output, "digest": p.Digest, "plugin": p.Plugin, "sources": p.Sources})
		for line := range lines(b) {
			o.emit(map[string]any{"type": "plan_line", "conversion": p.Name, "line": json.RawMessage(line)})
		}
		return nil
	}
	return writePlan(o.app.stdout, p)
}

// size prints bytes in binary units.
func size(n int64) string {
	f, unit := float64(n), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f < 1024 {
			break
		}
		f, unit = f/1024, u
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}
