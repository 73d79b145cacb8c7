package session

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/receipt"
	"github.com/loraconv/loraconv/core/spec"
)

// alreadyThere returns a result when the output exists, is complete, and is
// what this plan gives: the plan's digest is the same, every file still has its
// digest, and no source file is newer than the output. Anything else leaves the
// decision to the stage, which refuses an output that exists.
func (r *run) alreadyThere(ctx context.Context) (*Result, error) {
	if r.s.Force {
		return nil, nil
	}
	st, err := os.Stat(filepath.Join(r.output, receipt.ManifestName))
	if err != nil {
		return nil, nil
	}
	m, err := receipt.ReadManifest(r.output)
	if err != nil || m.PlanDigest != r.p.Digest || !r.p.sameJudged(m.Judged) {
		return nil, nil
	}
	for _, o := range r.p.Sources {
		newer, err := newerThan(o.Root, st.ModTime())
		if err != nil || newer {
			return nil, nil
		}
	}
	if r.p.Template != nil {
		newer, err := newerThan(r.p.Template.Path, st.ModTime())
		if err != nil || newer {
			return nil, nil
		}
	}
	for _, c := range r.p.Checks {
		if c.Kind != spec.CheckReference {
			continue
		}
		if newer, err := newerThan(c.Path, st.ModTime()); err != nil || newer {
			return nil, nil
		}
	}
	rep, err := receipt.Verify(ctx, r.output)
	if err != nil {
		return nil, err
	}
	if !rep.OK {
		return nil, nil
	}
	for i, j := range m.Judged {
		if !j.Met && i < len(r.p.Checks) {
			r.breach(r.p.Checks[i], verdict{detail: "When the output was published: " + j.Found + "."}, new(diag.List))
		}
	}
	res := &Result{Output: r.output, Files: rep.Files, Tensors: rep.Tensors, Bytes: weightBytes(m), Merged: countMerges(r.p.Plan), Unchanged: true}
	if r.s.Observer != nil {
		r.s.Observer.Published(r.p.Name, res)
	}
	return res, nil
}

// weightBytes is the size of the files that hold tensors.
func weightBytes(m *receipt.Manifest) int64 {
	holds := map[string]bool{}
	for _, t := range m.Tensors {
		holds[t.File] = true
	}
	n := int64(0)
	for _, f := range m.Files {
		if holds[f.Name] {
			n += f.Bytes
		}
	}
	return n
}

var errNewer = errors.New("newer")

// newerThan reports whether any file below dir was changed after t.
func newerThan(dir string, t time.Time) (bool, error) {
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		if st.ModTime().After(t) {
			return errNewer
		}
		return nil
	})
	if errors.Is(err, errNewer) {
		return true, nil
	}
	return false, err
}
