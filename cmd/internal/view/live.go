package view

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"
)

// How often progress is shown on a terminal, and elsewhere.
const (
	liveEvery  = 100 * time.Millisecond
	plainEvery = 5 * time.Second
)

// Live shows progress: one line that is drawn over again on a terminal, a plain
// line every few seconds elsewhere. It is safe for concurrent use.
type Live struct {
	w        io.Writer
	terminal bool
	width    int
	every    time.Duration
	now      func() time.Time // tests set it

	mu    sync.Mutex
	last  time.Time
	drawn bool
}

// NewLive shows progress on w. Off a terminal, the first line comes only after
// the usual time, so that quick work says nothing.
func NewLive(w io.Writer) *Live {
	l := &Live{w: w, every: plainEvery, now: time.Now}
	l.terminal, l.width = Terminal(w)
	if l.terminal {
		l.every = liveEvery
	}
	l.last = l.now()
	return l
}

// Terminal reports whether w is a terminal, and how many columns it has; 0 is
// unknown. TERM=dumb is none: it cannot draw over a line.
func Terminal(w io.Writer) (is bool, width int) {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return false, 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 0
	}
	return true, width
}

// Color reports whether to use colours on w: on a terminal, unless NO_COLOR is
// set to anything (no-color.org).
func Color(w io.Writer) bool {
	is, _ := Terminal(w)
	return is && os.Getenv("NO_COLOR") == ""
}

// Show draws a line, unless one was drawn just now; line is called only where
// it is needed.
func (l *Live) Show(line func() string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if now.Sub(l.last) < l.every {
		return
	}
	l.last = now
	if !l.terminal {
		fmt.Fprintln(l.w, line())
		return
	}
	fmt.Fprintf(l.w, "\r\x1b[K%s", cut(line(), l.width-1))
	l.drawn = true
}

// Clear takes the live line away, and must be called before anything else is
// written to the same terminal.
func (l *Live) Clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.drawn {
		fmt.Fprint(l.w, "\r\x1b[K")
		l.drawn = false
	}
}

// cut shortens a line to n columns, so that it does not wrap; n < 1 is no bound.
func cut(s string, n int) string {
	if n < 1 || utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n])
}
