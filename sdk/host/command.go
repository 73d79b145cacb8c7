package host

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/loraconv/loraconv/sdk/internal/wire"
)

// Command says what to start. It is carried out to the letter: nothing is
// searched for and nothing is inherited.
type Command struct {
	Name string   // what messages call it; for a plugin, the name it must give itself
	Path string   // absolute path of the executable
	Args []string // after the program's name
	// Env is the whole environment, as NAME=value, but for what the protocol
	// adds. Nothing of the host's own is passed on.
	Env []string
	// Dir is the working directory; "" is an empty directory of its own, which
	// goes with the process.
	Dir string
	// SHA256 in lower-case hex, if given, is what the executable's bytes must
	// be. The bytes are checked that are then executed, not a file that somebody
	// may exchange in between.
	SHA256 string
	// Bundled marks loraconv's own executable, which alone may Execute.
	Bundled bool
	Limits  Limits
	// Log receives what the process writes to stderr, cleaned and limited. Nil
	// throws it away; the last lines still stand in diagnostics.
	Log      hclog.Logger
	Timeouts Timeouts
}

// Limits bounds what the process may take, where the system can do that: on
// Linux. A zero field sets no bound.
type Limits struct {
	AddressSpace int64 // bytes; a program in Go needs about 1 GiB to start at all
	Files        int64 // open descriptors
}

// Timeouts bounds each wait. A zero field takes the value given here.
type Timeouts struct {
	Start    time.Duration // until the handshake is done: 15 s
	Describe time.Duration // 30 s
	Plan     time.Duration // 10 min
	Stall    time.Duration // between two events of Execute: 120 s
	Kill     time.Duration // for an orderly end, before the process group is killed: 3 s
}

func (t Timeouts) filled() Timeouts {
	for _, f := range []struct {
		d *time.Duration
		v time.Duration
	}{{&t.Start, 15 * time.Second}, {&t.Describe, 30 * time.Second}, {&t.Plan, 10 * time.Minute}, {&t.Stall, 120 * time.Second}, {&t.Kill, 3 * time.Second}} {
		if *f.d <= 0 {
			*f.d = f.v
		}
	}
	return t
}

func (c *Command) check() error {
	if c.Name == "" {
		return fmt.Errorf("it has no name")
	}
	if !filepath.IsAbs(c.Path) {
		return fmt.Errorf("its path %q is not absolute", c.Path)
	}
	for _, e := range c.Env {
		name, _, ok := strings.Cut(e, "=")
		if !ok || name == "" || strings.HasPrefix(name, "PLUGIN_") || strings.HasPrefix(name, wire.Handshake.MagicCookieKey) {
			return fmt.Errorf("environment entry %q is not NAME=value, or belongs to the protocol", e)
		}
	}
	return nil
}
