//go:build linux && !race

package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/diag"
)

// TestLimits has a plugin ask for more memory than it may have. (The race
// detector itself needs more.)
func TestLimits(t *testing.T) {
	c := command(t, "glutton")
	c.Limits = Limits{AddressSpace: 8 << 30, Files: 99}
	p := start(t, c)
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", p.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`Max core file size +0 +0`, `Max open files +99 +99`, `Max address space +8589934592 +8589934592`} {
		if !regexp.MustCompile(want).Match(limits) {
			t.Errorf("no %q in\n%s", want, limits)
		}
	}
	err = planning(context.Background(), p)
	var d *diag.Diagnostic
	if !errors.As(err, &d) || d.Code != CodeExit || !strings.Contains(d.Detail, "out of memory") {
		t.Errorf("got %v", err)
	}
}
