package session

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store/safetensors"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
)

// templateName is what plans call the directory that an output's template
// argument names; templateNone is the argument's value where there is none.
const (
	templateName = "template"
	templateNone = "none"
)

// TemplateDir is the directory that side files are copied from.
type TemplateDir struct {
	Path        string          `json:"path"`
	Files       []manifest.File `json:"files"`
	Fingerprint string          `json:"fingerprint"`
}

// maxTemplateFile bounds a config or an index that is read, in bytes.
const maxTemplateFile = 64 << 20

// readTemplate reads what a plugin is told of a template: its files' names,
// config.json, and the names of its tensors, from its index, else from the
// headers of its weights.
func readTemplate(ctx context.Context, dir string) (*TemplateDir, *sdk.Template, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, nil, err
	}
	d := &TemplateDir{Path: abs}
	t := &sdk.Template{}
	root, err := openTemplate(abs)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = root.Close() }()
	entries, err := os.ReadDir(abs)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.New()
	for _, e := range entries {
		st, err := root.Stat(root.path(e.Name()))
		if err != nil {
			return nil, nil, fmt.Errorf("%q leads nowhere, or out of the template: put the file itself in its place", e.Name())
		}
		if !st.Mode().IsRegular() {
			continue
		}
		d.Files = append(d.Files, manifest.File{Path: e.Name(), Bytes: st.Size()})
		t.Files = append(t.Files, e.Name())
		fmt.Fprintf(sum, "%q %d\n", e.Name(), st.Size())
	}
	config, err := readSmall(root, "config.json")
	if err == nil {
		err = json.Unmarshal(config, &t.Config)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("config.json: %w", err)
	}
	sum.Write(config)
	if err := templateTensors(ctx, root, abs, t, sum); err != nil {
		return nil, nil, err
	}
	d.Fingerprint = hex.EncodeToString(sum.Sum(nil))
	return d, t, nil
}

// templateRoot is a template's directory, and what its links may lead to.
type templateRoot struct {
	*os.Root
	inside string // where the template is below Root, with slashes
}

func (t *templateRoot) path(name string) string { return path.Join(t.inside, name) }

// openTemplate opens a template. A link in it may not lead out of it. Hugging
// Face's cache is an exception: in MODEL/snapshots/REVISION all files are links
// to MODEL/blobs, so there they may lead to anything of MODEL.
func openTemplate(dir string) (*templateRoot, error) {
	at, inside := resolved(dir), "."
	if snapshots := filepath.Dir(at); filepath.Base(snapshots) == "snapshots" {
		model := filepath.Dir(snapshots)
		if st, err := os.Stat(filepath.Join(model, "blobs")); err == nil && st.IsDir() {
			at, inside = model, path.Join("snapshots", filepath.Base(at))
		}
	}
	root, err := os.OpenRoot(at)
	if err != nil {
		return nil, err
	}
	return &templateRoot{root, inside}, nil
}

func templateTensors(ctx context.Context, root *templateRoot, dir string, t *sdk.Template, sum io.Writer) error {
	if index, err := readSmall(root, safetensors.IndexName); err == nil {
		x, err := safetensors.ParseIndex(index)
		if err != nil {
			return fmt.Errorf("%s: %w", safetensors.IndexName, err)
		}
		for n := range x.Shards {
			t.Names = append(t.Names, n)
		}
		slices.Sort(t.Names)
		_, err = sum.Write(index)
		return err
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	t.Shapes, t.DTypes = map[string]tensor.Shape{}, map[string]string{}
	for _, name := range t.Files {
		if !strings.HasPrefix(name, "model") || !strings.HasSuffix(name, ".safetensors") {
			continue
		}
		if err := headerOf(ctx, filepath.Join(dir, name), t, sum); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	slices.Sort(t.Names)
	return nil
}

func headerOf(ctx context.Context, path string, t *sdk.Template, sum io.Writer) error {
	d, err := safetensors.Open(ctx, path)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	for _, tree := range d.Describe().Trees {
		r, err := d.Tree(tree)
		if err != nil {
			return err
		}
		m := r.Manifest()
		for _, x := range m.Tensors {
			if _, twice := t.Shapes[x.Name]; twice {
				return fmt.Errorf("tensor %q stands in two files", x.Name)
			}
			t.Names = append(t.Names, x.Name)
			t.Shapes[x.Name], t.DTypes[x.Name] = x.Shape, x.DType.String()
		}
		fmt.Fprintln(sum, m.Fingerprint)
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}

func readSmall(root *templateRoot, name string) ([]byte, error) {
	f, err := root.Open(root.path(name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxTemplateFile+1))
	if err == nil && len(b) > maxTemplateFile {
		err = fmt.Errorf("more than %d bytes", maxTemplateFile)
	}
	return b, err
}

// readTemplateOf reads the template that the output block names.
func (b *builder) readTemplateOf(ctx context.Context) {
	dir, ok := b.request.Output.Args[templateName].(string)
	if !ok || dir == templateNone || b.ds.HasErrors() {
		return
	}
	d, t, err := readTemplate(ctx, dir)
	if err != nil {
		x := diag.New(diag.Source, "template-unreadable", "The template cannot be read", "%q: %v", dir, err)
		x.Path = []string{"conversion", b.c.Name, "output", templateName}
		b.ds.Add(x)
		return
	}
	b.template, b.request.Output.Template = d, t
}
