//go:build linux

package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loraconv/loraconv/plugins/maxtext/mappingtest"
	"github.com/loraconv/loraconv/sdk/host"
)

// What planning a checkpoint of any published size may cost, from starting the
// plugin until the host has checked its plan: processor time of both processes
// together, which unlike the clock's does not grow when other tests run, and
// memory of each.
const (
	mostTime   = 10 * time.Second
	mostMemory = 1 << 30
)

// Every table of upstream, at the published size of its model, goes through
// this executable as a process of its own: manifest there, plan back, ledger.
func TestTablesThroughTheProcess(t *testing.T) {
	bin := filepath.Join(t.TempDir(), "loraconv-plugin-maxtext")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const dir = "../../plugins/maxtext/testdata/mapping"
	files, err := filepath.Glob(filepath.Join(dir, "*.tsv.gz"))
	if names := mappingtest.Tables(); err != nil || len(files) != len(names) {
		t.Errorf("%d tables have sizes, %d are in %s: %v", len(names), len(files), dir, err)
	}
	for _, name := range mappingtest.Tables() {
		t.Run(name, func(t *testing.T) {
			want, req := mappingtest.Read(t, dir, name)
			resetPeak(t)
			began, busy := time.Now(), processorTime(t)
			p, err := host.Start(t.Context(), host.Command{Name: "maxtext", Path: bin})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			resp, err := p.Plan(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			mappingtest.Check(t, req, resp)
			took := time.Since(began)
			ours := peak(t)
			p.Close()
			theirs := p.PeakRSS()
			busy = processorTime(t) - busy
			t.Logf("%d targets of %d parameters: %.2f s, of processors %.2f s; at most %d MiB here and %d MiB there",
				len(resp.Plan.Tensors), len(req.Sources[0].Manifest.Tensors), took.Seconds(), busy.Seconds(), ours>>20, theirs>>20)
			if busy > mostTime || ours > mostMemory || theirs > mostMemory || theirs == 0 {
				t.Errorf("it took %v of processors, %d bytes here, %d bytes in the plugin; wanted at most %v and %d bytes", busy, ours, theirs, mostTime, mostMemory)
			}
			mappingtest.Compare(t, want, resp.Plan)
		})
	}
}

// processorTime is what this process and the children that it waited for have
// used.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// resetPeak lets VmHWM count from here: Linux resets it where 5 is written to
// clear_refs.
func resetPeak(t *testing.T) {
	t.Helper()
	debug.FreeOSMemory()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}

// peak is the most memory that this process had resident, in bytes.
func peak(t *testing.T) int64 {
	t.Helper()
	f, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "VmHWM:"); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(v, "kB")), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return n << 10
		}
	}
	t.Fatal("no VmHWM in /proc/self/status")
	return 0
}
