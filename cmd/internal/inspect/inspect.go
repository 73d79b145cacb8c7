package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/all"
)

// Options says what to look at.
type Options struct {
	Step     *int // of a run; nil is all finished ones
	Digest   bool // read all values
	Guessers []Guesser
	// Progress is told how many bytes of values have been read, of how many. It
	// is called by one goroutine at a time. It may be nil.
	Progress func(done, all int64)
}

// Guesser asks a plugin what it takes a tree for.
type Guesser struct {
	Plugin string
	Guess  func(*manifest.Manifest) (model, from string, ok bool)
	// Cover, if set, tells what a tree's LoRA covers, and what does not fit.
	Cover func(*manifest.Manifest) (l *Lora, remark string)
}

// opener opens a checkpoint; tests have one of their own, which needs no files.
type opener func(ctx context.Context, path string, step *int) (store.Directory, error)

func openAny(ctx context.Context, path string, step *int) (store.Directory, error) {
	return all.Open(ctx, path, all.Options{Step: step})
}

// Read looks at the checkpoint at path: a directory or a .safetensors file. Of
// a run without a chosen step it reads all finished steps. Errors wrap those of
// package store; nothing is reported of a checkpoint that has one.
func Read(ctx context.Context, path string, o Options) (*Report, error) {
	return read(ctx, path, o, openAny)
}

func read(ctx context.Context, path string, o Options, open opener) (*Report, error) {
	r := &reader{ctx: ctx, o: o, path: path, report: &Report{
		Layout: []string{}, Pairs: []Pair{}, Warnings: []string{}, Files: []manifest.File{}, Trees: map[string]*Tree{},
	}}
	d, err := open(ctx, path, o.Step)
	if err != nil {
		return nil, err
	}
	about := d.Describe()
	inside := r.inside(about.Root)
	r.report.Format = about.Format
	err = errors.Join(r.directory(d, inside, true), d.Close())
	if err != nil {
		return nil, err
	}
	if inside != "." {
		r.report.Step = inside
		if o.Step == nil {
			if err := r.otherSteps(inside, open); err != nil {
				return nil, err
			}
		}
	}
	r.adapterConfig()
	r.nameWithoutLora()
	return r.report, nil
}

type reader struct {
	ctx    context.Context
	o      Options
	path   string
	report *Report
}

// inside returns where root lies below the path that was named.
func (r *reader) inside(root string) string {
	rel, err := filepath.Rel(r.path, root)
	if err != nil || rel == "." || !filepath.IsLocal(rel) {
		return "."
	}
	return filepath.ToSlash(rel)
}

func (r *reader) warn(text string) {
	if !slices.Contains(r.report.Warnings, text) {
		r.report.Warnings = append(r.report.Warnings, text)
	}
}

// directory adds all trees of an opened directory. The main one also gives
// what the report has once.
func (r *reader) directory(d store.Directory, inside string, isMain bool) error {
	about := d.Describe()
	for _, w := range about.Warnings {
		r.warn(w)
	}
	if isMain {
		r.report.Metadata = asJSON(about.Metadata)
		r.report.Files = append(r.report.Files, about.Files...)
		r.addLayout(about.Layout)
	}
	for _, name := range about.Trees {
		tree, err := d.Tree(name)
		if err != nil {
			return err
		}
		err = r.tree(tree, path.Join(inside, name), isMain)
		if err = errors.Join(err, tree.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) addLayout(facts []string) {
	for _, f := range facts {
		if !slices.Contains(r.report.Layout, f) {
			r.report.Layout = append(r.report.Layout, f)
		}
	}
}

// asJSON passes a document on if it is one.
func asJSON(b []byte) json.RawMessage {
	if len(b) == 0 || !json.Valid(b) {
		return nil
	}
	return b
}

// tree adds one tree.
func (r *reader) tree(t store.Reader, name string, isMain bool) error {
	m := t.Manifest()
	out := &Tree{Layout: append([]string{}, m.Layout...), Tensors: make([]Tensor, len(m.Tensors)), Strings: make([]String, len(m.Strings))}
	for i := range m.Tensors {
		p := &m.Tensors[i]
		out.Tensors[i] = Tensor{
			Name: fullName(p.Path), Path: append([]string{}, p.Path...), DType: p.DType, Shape: append(p.Shape[:0:0], p.Shape...),
			Bytes: int64(p.Shape.Elements()) * int64(p.DType.Size()), Chunks: p.Chunks, Missing: p.Missing,
		}
		if out.Tensors[i].Shape == nil {
			out.Tensors[i].Shape = []int{}
		}
	}
	for i, s := range m.Strings {
		out.Strings[i] = String{Name: fullName(s.Path), Path: append([]string{}, s.Path...), Value: s.Value}
	}
	if isMain {
		r.addLayout(m.Layout)
		if r.report.Metadata == nil {
			r.report.Metadata = asJSON(m.Metadata)
		}
		r.guess(m, name)
	}
	if b := asJSON(m.Metadata); string(b) != string(r.report.Metadata) {
		out.Metadata = b
	}
	r.judge(m, name)
	if r.o.Digest {
		if err := r.digest(t, m, out); err != nil {
			return err
		}
	}
	slices.SortStableFunc(out.Tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	r.report.Trees[name] = out
	return nil
}

// fullName joins all components, a trailing "value" included.
func fullName(components []string) string { return strings.Join(components, "/") }

// guess asks the plugins, until one knows the names.
func (r *reader) guess(m *manifest.Manifest, tree string) {
	for _, g := range r.o.Guessers {
		if r.report.Guess != nil {
			return
		}
		if model, from, ok := g.Guess(m); ok {
			r.report.Guess = &Guess{Plugin: g.Plugin, Model: model, From: from, Tree: tree}
		}
		if g.Cover == nil || r.report.Lora != nil {
			continue
		}
		l, remark := g.Cover(m)
		if r.report.Lora = l; l != nil {
			l.Tree = tree
		}
		if remark != "" {
			r.warn(remark)
		}
	}
}

// stepName is how the directory of a step ends (orbax path/step.py).
var stepName = regexp.MustCompile(`(?:^|_)([0-9]{1,18})$`)

// otherSteps adds the steps of a run that are not the chosen one.
func (r *reader) otherSteps(chosen string, open opener) error {
	entries, err := os.ReadDir(r.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		m := stepName.FindStringSubmatch(e.Name())
		if m == nil || e.Name() == chosen {
			continue
		}
		if st, err := os.Stat(filepath.Join(r.path, e.Name())); err != nil || !st.IsDir() {
			continue
		}
		n, err := strconv.Atoi(m[1])
		if err != nil {
			continue
		}
		if err := r.step(n, e.Name(), open); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) step(n int, name string, open opener) error {
	d, err := open(r.ctx, r.path, &n)
	if errors.Is(err, store.ErrUnfinished) {
		r.warn(fmt.Sprintf("step %d was passed over: it is an unfinished save", n))
		return nil
	}
	if err == nil {
		if inside := r.inside(d.Describe().Root); inside != name {
			err = fmt.Errorf("it was opened as %q, wanted %q", inside, name)
		} else {
			err = r.directory(d, name, false)
		}
		err = errors.Join(err, d.Close())
	}
	if err != nil {
		return fmt.Errorf("step %d, which is not the latest (choose another with -step): %w", n, err)
	}
	return nil
}

// maxConfig bounds an adapter_config.json, in bytes.
const maxConfig = 1 << 20

// adapterConfig takes a PEFT adapter's configuration for its metadata.
func (r *reader) adapterConfig() {
	const name = "adapter_config.json"
	if r.report.Format != "peft" || r.report.Metadata != nil {
		return
	}
	root, err := os.OpenRoot(r.path)
	if err != nil {
		return
	}
	defer func() { _ = root.Close() }()
	st, err := fs.Stat(root.FS(), name)
	if err != nil || !st.Mode().IsRegular() || st.Size() > maxConfig {
		r.warn(fmt.Sprintf("%s is no file of at most %d bytes", name, maxConfig))
		return
	}
	b, err := fs.ReadFile(root.FS(), name)
	if err == nil && !json.Valid(b) {
		err = errors.New("it is not JSON")
	}
	if err != nil {
		r.warn(fmt.Sprintf("%s cannot be read: %v", name, err))
		return
	}
	r.report.Metadata = b
}
