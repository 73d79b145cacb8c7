package host

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/loraconv/loraconv/sdk/internal/wire"
)

// Limits on what a process writes to stderr and stdout. It is always read at
// full speed, so that a talkative process never waits for us.
const (
	ratePerSecond = 1 << 20  // bytes passed on to the log in a second; the rest is counted
	floodBytes    = 64 << 20 // in all; more, and the process is ended
	maxLine       = 16 << 10 // bytes of a line; its rest is left out
	keptLines     = 40       // for diagnostics
	keptBytes     = 1 << 10  // of each kept line
	maxPairs      = 32       // keys of one hclog line
)

// output takes what the process writes, line by line.
type output struct {
	log     hclog.Logger
	flood   func()
	flooded atomic.Bool

	mu      sync.Mutex
	total   int64
	credit  float64 // bytes that may be passed on now
	at      time.Time
	skipped int // lines since the last that was passed on
	kept    [][]byte
	cause   []byte // the line that begins a panic's stack, when it is no longer kept
	panicky bool   // a panic's stack is being written
}

func newOutput(log hclog.Logger) *output {
	return &output{log: log, flood: func() {}, credit: ratePerSecond, at: time.Now()}
}

// pump reads until the end or until the read is given up.
func (o *output) pump(stream string, r io.Reader) {
	w := o.writer(stream)
	_, _ = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{r}, make([]byte, 32<<10))
	w.flush()
}

func (o *output) writer(stream string) *lines { return &lines{o: o, stream: stream} }

// lines cuts a stream into lines of at most maxLine bytes.
type lines struct {
	o      *output
	stream string
	mu     sync.Mutex
	part   []byte
}

func (w *lines) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(p)
	if !w.o.count(n) {
		return n, nil
	}
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		end := i
		if i < 0 {
			end = len(p)
		}
		w.part = append(w.part, p[:min(end, maxLine-len(w.part))]...)
		if i < 0 {
			break
		}
		w.o.line(w.stream, w.part)
		w.part = w.part[:0]
		p = p[i+1:]
	}
	return n, nil
}

func (w *lines) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.part) > 0 {
		w.o.line(w.stream, w.part)
		w.part = nil
	}
}

// count says whether anybody still listens.
func (o *output) count(n int) bool {
	o.mu.Lock()
	o.total += int64(n)
	over := o.total > floodBytes
	o.mu.Unlock()
	if over && o.flooded.CompareAndSwap(false, true) {
		o.log.Error("more output than anyone reads; the process is ended", "bytes", floodBytes)
		o.flood()
	}
	return !over
}

func (o *output) line(stream string, b []byte) {
	b = bytes.TrimRight(b, "\r\n")
	if len(b) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.kept) == keptLines {
		if panics(string(o.kept[0])) {
			o.cause = o.kept[0]
		}
		o.kept = append(o.kept[:0], o.kept[1:]...)
	}
	o.kept = append(o.kept, bytes.Clone(b[:min(len(b), keptBytes)]))
	now := time.Now()
	o.credit = min(ratePerSecond, o.credit+now.Sub(o.at).Seconds()*ratePerSecond)
	o.at = now
	if o.credit < float64(len(b)) {
		o.skipped++
		return
	}
	o.credit -= float64(len(b))
	if o.skipped > 0 {
		o.log.Warn("output came too fast; lines were left out", "lines", o.skipped)
		o.skipped = 0
	}
	o.relay(stream, b)
}

// relay logs a line at the level that it gives itself, if it is one of hclog's.
func (o *output) relay(stream string, b []byte) {
	if e, ok := parseEntry(b); ok {
		o.log.Log(e.level, e.message, e.pairs...)
		return
	}
	s := wire.Clean(string(b))
	o.panicky = o.panicky || panics(s)
	level := hclog.Debug
	if o.panicky {
		level = hclog.Error
	}
	o.log.Log(level, s, "stream", stream)
}

// panics reports whether a line is how Go's runtime begins to end a program.
func panics(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
}

type entry struct {
	level   hclog.Level
	message string
	pairs   []any
}

// parseEntry reads a line of hclog's JSON format. All of it is quoted text
// afterwards.
func parseEntry(b []byte) (e entry, ok bool) {
	if b[0] != '{' {
		return e, false
	}
	var m map[string]any
	if json.Unmarshal(b, &m) != nil {
		return e, false
	}
	level, ok1 := m["@level"].(string)
	message, ok2 := m["@message"].(string)
	e.level = hclog.LevelFromString(level)
	if !ok1 || !ok2 || e.level == hclog.NoLevel || len(m) > maxPairs {
		return e, false
	}
	e.message = oneLine(message)
	for _, k := range []string{"@level", "@message", "@timestamp", "@module", "@caller"} {
		delete(m, k)
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		e.pairs = append(e.pairs, oneLine(k), oneLine(fmt.Sprint(m[k])))
	}
	return e, true
}

func oneLine(s string) string { return strings.ReplaceAll(wire.Clean(s), "\n", `\n`) }

// last returns the last lines, fit for a terminal, oldest first, and before
// them why the program ended, if a stack has pushed that out. A line that
// stands there many times over is told once.
func (o *output) last() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []string
	if o.cause != nil {
		out = append(out, shown(o.cause), "…")
	}
	for i, n := 0, 0; i < len(o.kept); i += n {
		for n = 1; i+n < len(o.kept) && bytes.Equal(o.kept[i], o.kept[i+n]); n++ {
		}
		s := shown(o.kept[i])
		if n > 1 {
			s += fmt.Sprintf(" (%d times)", n)
		}
		out = append(out, s)
	}
	return out
}

func shown(b []byte) string {
	e, ok := parseEntry(b)
	if !ok {
		return oneLine(string(b))
	}
	s := "[" + e.level.String() + "] " + e.message
	for i := 0; i+1 < len(e.pairs); i += 2 {
		s += fmt.Sprintf(" %s=%s", e.pairs[i], e.pairs[i+1])
	}
	return s
}
