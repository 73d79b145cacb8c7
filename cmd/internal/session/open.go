package session

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/spec"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/all"
)

// Opened is a source whose metadata has been read.
type Opened struct {
	Name        string             `json:"name"`
	Role        string             `json:"role"` // "source" or "adapter"
	Weight      float64            `json:"weight"`
	Plugin      string             `json:"plugin"`
	Path        string             `json:"path"` // as the spec names it, made absolute
	Step        *int               `json:"step,omitempty"`
	Root        string             `json:"root"` // the directory that was chosen under Path
	Tree        string             `json:"tree"`
	Fingerprint string             `json:"fingerprint"`
	Layout      []string           `json:"layout,omitempty"`
	Manifest    *manifest.Manifest `json:"-"` // all of the tree, the spec's drops included
	drops       []plan.Drop
	warnings    []string
}

// openSource opens a source's directory and the tree that its plugin wants.
func openSource(ctx context.Context, path string, step *int, trees []string) (*Opened, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	dir, err := all.Open(ctx, abs, all.Options{Step: step})
	if err != nil {
		return nil, err
	}
	defer func() { _ = dir.Close() }()
	d := dir.Describe()
	tree, err := chooseTree(d.Trees, trees)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", abs, err)
	}
	r, err := dir.Tree(tree)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	m := *r.Manifest()
	m.Tree = tree
	if len(m.Files) == 0 {
		m.Files = d.Files
	}
	if m.Metadata == nil {
		m.Metadata = d.Metadata
	}
	return &Opened{
		Path: abs, Step: step, Root: d.Root, Tree: tree, Manifest: &m,
		Fingerprint: m.Fingerprint, Layout: distinct(d.Layout, m.Layout), warnings: distinct(d.Warnings, m.Warnings),
	}, nil
}

// distinct joins lists and leaves repeats out.
func distinct(lists ...[]string) []string {
	var out []string
	for _, l := range lists {
		for _, s := range l {
			if !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// chooseTree returns the first tree that the plugin would take.
func chooseTree(have, want []string) (string, error) {
	for _, w := range want {
		for _, h := range have {
			if h == w || strings.HasSuffix(w, "/*") && strings.HasPrefix(h, strings.TrimSuffix(w, "*")) {
				return h, nil
			}
		}
	}
	var named []string
	here := ""
	for _, w := range want {
		if w == "." {
			here = ", or a directory of parameters itself"
		} else {
			named = append(named, w)
		}
	}
	return "", fmt.Errorf("%w that this plugin reads: it holds %s, wanted %s%s; was it not copied whole, or is it another framework's? loraconv inspect tells", store.ErrFormat, listed(have), listed(named), here)
}

func listed(names []string) string {
	if len(names) == 0 {
		return "no tree of parameters"
	}
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	return strings.Join(q, ", ")
}

// sourceFault turns an error of a store into a diagnostic.
func sourceFault(err error, s *spec.Source) *diag.Diagnostic {
	var d *diag.Diagnostic
	if errors.As(err, &d) {
		return d
	}
	class, code, says := store.Fault(err)
	d = diag.New(class, code, "A source "+says, "source %q: %v", s.Name, err)
	d.Path = []string{"source", s.Name, "path"}
	return d
}

// applyDrops takes the parameters that the spec drops out of a copy of the
// manifest, for the plugin.
func (o *Opened) applyDrops(drops []spec.Drop, ds *diag.List) *manifest.Manifest {
	m := *o.Manifest
	m.Tensors = nil
	hits := make([]int, len(drops))
	for _, t := range o.Manifest.Tensors {
		dropped := false
		for i := range drops {
			if drops[i].Globs.Match(t.Name) != nil {
				hits[i]++
				if !dropped {
					o.drops = append(o.drops, plan.Drop{From: o.Name, Name: t.Name, Reason: drops[i].Reason, Rule: drops[i].Name})
				}
				dropped = true
			}
		}
		if !dropped {
			m.Tensors = append(m.Tensors, t)
		}
	}
	for i := range drops {
		if hits[i] == 0 {
			var all []string
			for _, t := range o.Manifest.Tensors {
				all = append(all, t.Name)
			}
			hint := ""
			for _, p := range drops[i].Match {
				if hint == "" {
					hint = didYouMean(p, all)
				}
			}
			if hint == "" && len(all) > 0 {
				hint = fmt.Sprintf("; they are called like %q", all[0])
			}
			ds.Warnf("glob-hits-nothing", "A drop hits no parameter", "drop %q matches none of the %d parameters of source %q%s", drops[i].Name, len(o.Manifest.Tensors), o.Name, hint).Path = []string{"source", o.Name, "drop", drops[i].Name}
		}
	}
	return &m
}
