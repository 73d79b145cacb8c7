package host

import "golang.org/x/sys/unix"

// confine puts limits on a process that has just been started. No process of
// ours leaves a core dump: it would hold weights.
func confine(pid int, l Limits) error {
	for _, r := range []struct {
		resource int
		most     int64
		set      bool
	}{
		{unix.RLIMIT_CORE, 0, true},
		{unix.RLIMIT_AS, l.AddressSpace, l.AddressSpace > 0},
		{unix.RLIMIT_NOFILE, l.Files, l.Files > 0},
	} {
		if !r.set {
			continue
		}
		if err := unix.Prlimit(pid, r.resource, &unix.Rlimit{Cur: uint64(r.most), Max: uint64(r.most)}, nil); err != nil {
			return err
		}
	}
	return nil
}
