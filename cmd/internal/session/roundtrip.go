package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/loraconv/loraconv/cmd/internal/rebuild"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/all"
)

// roundtrip reads the written files by the reader of their format, which
// believes nothing but the bytes, and compares all that the plan says. An
// adapter's factors are multiplied out as well.
func (r *run) roundtrip(ctx context.Context, c *spec.Check) (verdict, error) {
	dir, tree, err := r.reopened(ctx)
	if err != nil {
		return verdict{}, err
	}
	defer func() { _ = dir.Close() }()
	defer func() { _ = tree.Close() }()
	m := tree.Manifest()
	var lines []string
	for i := range r.p.Plan.Tensors {
		t := &r.p.Plan.Tensors[i]
		x := m.Lookup(t.Name)
		switch {
		case x == nil:
			lines = append(lines, fmt.Sprintf("%q is not in the written files", t.Name))
			continue
		case x.DType != t.DType || !x.Shape.Equal(t.Shape):
			lines = append(lines, fmt.Sprintf("%q was written as %v %v and reads as %v %v", t.Name, t.DType, t.Shape, x.DType, x.Shape))
			continue
		}
		sum, err := streamDigest(ctx, tree, t.Name)
		if err != nil {
			return verdict{}, outputFault(fmt.Errorf("%q cannot be read back: %w", t.Name, err), r.output)
		}
		if sum != r.rec.digests[i] {
			lines = append(lines, fmt.Sprintf("%q reads as other bytes than were written", t.Name))
		}
	}
	if n := len(m.Tensors); n != len(r.p.Plan.Tensors) {
		lines = append(lines, fmt.Sprintf("the written files hold %d tensors, the plan has %d", n, len(r.p.Plan.Tensors)))
	}
	v := verdict{met: len(lines) == 0, found: fmt.Sprintf("%d tensors read back", len(m.Tensors)),
		detail: some(lines) + "\nThis is a fault of loraconv or of the disk."}
	if !v.met || r.p.Method != "adapter" {
		return v, nil
	}
	return r.multiplied(ctx, c, tree)
}

// multiplied multiplies the written factors out and compares them with what
// the sources would add to the base's weights.
func (r *run) multiplied(ctx context.Context, c *spec.Check, written store.Reader) (verdict, error) {
	sources := map[string]store.Reader{}
	for i := range r.p.Sources {
		o := &r.p.Sources[i]
		dir, err := all.Open(ctx, o.Path, all.Options{Step: o.Step})
		if err != nil {
			return verdict{}, sourceFault(err, &spec.Source{Name: o.Name})
		}
		defer func() { _ = dir.Close() }()
		tree, err := dir.Tree(o.Tree)
		if err != nil {
			return verdict{}, sourceFault(err, &spec.Source{Name: o.Name})
		}
		defer func() { _ = tree.Close() }()
		if tree.Manifest().Fingerprint != o.Fingerprint {
			return verdict{}, sourceFault(fmt.Errorf("%w: its fingerprint is not that of the plan", store.ErrChanged), &spec.Source{Name: o.Name})
		}
		sources[o.Name] = tree
	}
	config, err := os.ReadFile(filepath.Join(r.stage.Dir(), adapterConfig))
	if err != nil {
		return verdict{}, outputFault(err, adapterConfig)
	}
	rep, err := rebuild.Compare(ctx, r.p.Plan, r.p.Manifests, sources, written, config, rebuild.Options{MaxAbs: c.MaxAbs, RTol: c.RTol})
	if err != nil {
		if ctx.Err() != nil {
			return verdict{}, err
		}
		return verdict{}, diag.New(diag.Measured, "check-failed", `Check "roundtrip" cannot be judged`, "%v", err)
	}
	return verdict{met: len(rep.Faults) == 0 && rep.Modules > 0, found: fmt.Sprintf("%d modules multiplied out, %d elements, off by at most %s", rep.Modules, rep.Elements, decimal(rep.Worst)),
		detail: some(append(rep.Faults, fmt.Sprintf("%d modules were compared", rep.Modules)))}, nil
}

// adapterConfig is the document that says how PEFT scales the factors.
const adapterConfig = "adapter_config.json"

// reopened opens what was written. Both must be closed.
func (r *run) reopened(ctx context.Context) (store.Directory, store.Reader, error) {
	fail := func(err error) error {
		return outputFault(fmt.Errorf("the written files cannot be read back: %w", err), r.output)
	}
	dir, err := all.Open(ctx, r.stage.Dir(), all.Options{})
	if err != nil {
		return nil, nil, fail(err)
	}
	trees := dir.Describe().Trees
	if len(trees) != 1 {
		return nil, nil, fail(errors.Join(fmt.Errorf("they hold %d trees", len(trees)), dir.Close()))
	}
	tree, err := dir.Tree(trees[0])
	if err != nil {
		return nil, nil, fail(errors.Join(err, dir.Close()))
	}
	return dir, tree, nil
}

func streamDigest(ctx context.Context, r store.Reader, name string) (string, error) {
	s, err := store.Flat(ctx, r, name)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, s)
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, s.Close())
}
