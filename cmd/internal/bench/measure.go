package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// usage is what a command took.
type usage struct {
	wall, cpu time.Duration
	peak      int64 // bytes, of all processes together; 0 where there is no /proc
}

func (u usage) String() string {
	return fmt.Sprintf("%6.2f s, CPU %6.2f s, %4d MiB", u.wall.Seconds(), u.cpu.Seconds(), u.peak>>20)
}

// measure runs commands side by side; started is called when all of them run.
func measure(cmds []*exec.Cmd, started func()) (u usage, err error) {
	begin := time.Now()
	var w watch
	for _, c := range cmds {
		if err = c.Start(); err != nil {
			break
		}
		w.roots = append(w.roots, c.Process.Pid)
	}
	started()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		w.run(stop)
		close(stopped)
	}()
	for _, c := range cmds {
		if c.Process == nil {
			continue
		}
		err = errors.Join(err, c.Wait())
		u.cpu += c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	u.wall = time.Since(begin)
	close(stop)
	<-stopped
	u.peak = w.peak
	return u, err
}

// watch looks at the memory of processes and all their descendants.
type watch struct {
	roots []int
	tree  []int // roots and descendants
	peak  int64
}

// How often memory is looked at, and after how many looks new processes are
// looked for.
const (
	look    = 20 * time.Millisecond
	recount = 5
)

func (w *watch) run(stop <-chan struct{}) {
	t := time.NewTicker(look)
	defer t.Stop()
	for i := 0; ; i++ {
		if i%recount == 0 {
			w.tree = w.tree[:0]
			for _, pid := range w.roots {
				w.descend(pid)
			}
		}
		sum := int64(0)
		for _, pid := range w.tree {
			sum += highWater(pid)
		}
		w.peak = max(w.peak, sum)
		select {
		case <-t.C:
		case <-stop:
			return
		}
	}
}

// descend adds pid and its descendants to the tree. The kernel lists children
// by the thread that started them.
func (w *watch) descend(pid int) {
	w.tree = append(w.tree, pid)
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range lists {
		list, err := os.ReadFile(name)
		if err != nil {
			continue // the thread is gone
		}
		for _, f := range bytes.Fields(list) {
			if child, err := strconv.Atoi(string(f)); err == nil {
				w.descend(child)
			}
		}
	}
}

// highWater returns the most that a process ever had resident; 0 if it is gone.
func highWater(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := bytes.Cut(status, []byte("VmHWM:"))
	if !ok {
		return 0 // a zombie
	}
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kib, err := strconv.ParseInt(string(fields[0]), 10, 64)
	if err != nil {
		return 0
	}
	return kib << 10
}
