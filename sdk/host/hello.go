package host

import (
	"bytes"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// maxHello bounds the handshake line: a certificate and a path.
const maxHello = 16 << 10

// hello is what go-plugin reads as the process's stdout: the first line, and
// then the end. Whatever follows is only logged.
type hello struct {
	ready chan struct{}
	once  sync.Once
	mu    sync.Mutex
	line  []byte
	known bool
	rest  bytes.Reader
}

func newHello() *hello { return &hello{ready: make(chan struct{})} }

// first takes the first line off r and returns what comes after it.
func (h *hello) first(r io.Reader) io.Reader {
	var line []byte
	buf := make([]byte, 4096)
	for {
		n, err := r.Read(buf)
		line = append(line, buf[:n]...)
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			h.set(line[:i+1])
			return io.MultiReader(bytes.NewReader(line[i+1:]), r)
		}
		if err != nil || len(line) > maxHello {
			if len(line) > 0 {
				h.set(line)
			}
			h.end()
			return r
		}
	}
}

func (h *hello) set(line []byte) {
	h.once.Do(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.line, h.known = bytes.Clone(line), true
		h.rest.Reset(h.line)
		close(h.ready)
	})
}

// end says that no line will come.
func (h *hello) end() { h.once.Do(func() { close(h.ready) }) }

// seen returns the first line, if there was one.
func (h *hello) seen() (string, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.TrimSpace(string(h.line)), h.known
}

// Read waits for the line.
func (h *hello) Read(p []byte) (int, error) {
	<-h.ready
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rest.Read(p)
}

// Close does nothing: the pipe belongs to the child.
func (h *hello) Close() error { return nil }

var handshake = regexp.MustCompile(`^[0-9]+\|[0-9]+\|[a-z]+\|[^|]+\|`)

func handshakeLike(line string) bool { return handshake.MatchString(line) }

// version is the protocol version in the first line: its second field.
func (h *hello) version() (v int, ok bool) {
	line, ok := h.seen()
	if !ok || !handshakeLike(line) {
		return 0, false
	}
	v, err := strconv.Atoi(strings.Split(line, "|")[1])
	return v, err == nil
}

func shortQuote(s string) string {
	if len(s) > 200 {
		return strconv.Quote(s[:200]) + " …"
	}
	return strconv.Quote(s)
}
