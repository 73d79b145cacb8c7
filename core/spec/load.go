package spec

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/loraconv/loraconv/core/diag"
)

// Options says where values from outside come from. The zero value is valid.
type Options struct {
	// Vars holds values of -var, as text.
	Vars map[string]string
	// VarFiles are files of -var-file, in order; later ones win.
	VarFiles []string
	// Env looks up an environment variable (os.LookupEnv). Only
	// LORACONV_VAR_name of declared variables is asked for. nil: none is.
	Env func(name string) (string, bool)
	// AllowUnset makes a variable without a value unknown instead of an error:
	// what depends on it is type-checked and not judged.
	AllowUnset bool
	// Text is the spec itself, where it is in no file: then the path is only
	// what it is called, relative paths start at the working directory, and no
	// *.auto.vars.hcl is read.
	Text []byte
	// Version is loraconv's own, for required_version; "" is not compared.
	Version string
}

// loader is the state of one Load; File keeps it for what comes later.
type loader struct {
	faults    faults
	meter     meter
	overspent bool
	opts      Options
	dir       string
	files     []string          // names of files read, in order
	texts     map[string][]byte // their content
	hidden    []hcl.Range       // where values of sensitive variables stand

	exprs     map[hcl.Expression]*expr
	broken    map[hclsyntax.Expression]bool
	functions map[string]function.Function

	bodies    []*hcl.File
	variables map[string]*variable
	locals    map[string]*cell
	sources   map[string]*sourceBlock // by "plugin.name"
	busy      []*cell
}

// Load reads a spec: a file *.hcl or *.hcl.json, or a directory with files
// *.lc.hcl. It opens no file but the spec's and those of variables, apart from
// what fileexists and fileset look at, and starts nothing.
//
// The File is never nil, so that the diagnostics can be rendered with it; when
// they hold an error it is incomplete and good for nothing else.
func Load(path string, o Options) (*File, diag.List) {
	l := newLoader(o)
	f := &File{Path: path, l: l}
	l.load(f)
	f.Dir, f.Files = l.dir, l.files
	return f, l.faults.take(l.files)
}

func newLoader(o Options) *loader {
	return &loader{
		opts: o, texts: map[string][]byte{}, exprs: map[hcl.Expression]*expr{}, broken: map[hclsyntax.Expression]bool{},
		variables: map[string]*variable{}, locals: map[string]*cell{}, sources: map[string]*sourceBlock{},
	}
}

func (l *loader) load(f *File) {
	if l.opts.Text != nil {
		l.dir = "."
		l.body(l.parseBytes(f.Path, l.opts.Text, false))
	} else {
		for _, name := range l.specFiles(f.Path) {
			l.body(l.parse(name, strings.HasSuffix(name, ".json")))
		}
	}
	l.functions = functionTable(l.dir)
	if l.faults.list.HasErrors() {
		return // what follows from half a spec only distracts
	}
	blocks := l.blocks()
	l.settings(f, blocks["loraconv"])
	l.declareVariables(f, blocks["variable"])
	l.declareLocals(blocks["locals"])
	l.declareSources(blocks["source"])
	l.setVariables(f)
	for _, name := range keys(l.locals) {
		l.cell(l.locals[name], scope{})
	}
	l.validateVariables()
	l.buildSources(f, blocks["source"])
	l.buildConversions(f, blocks["conversion"])
	l.executions(f, blocks["execution"])
	if len(blocks["conversion"]) == 0 && !l.faults.list.HasErrors() {
		l.faults.add(diag.New(diag.Usage, codeEmpty, "No conversion", "%q says nothing to convert: it has no block conversion \"NAME\" { … }.", f.Path))
	}
}

// body keeps a file that could be parsed.
func (l *loader) body(file *hcl.File) {
	if file != nil {
		l.bodies = append(l.bodies, file)
	}
}

// specFiles sets the spec's directory and returns the files of the spec.
func (l *loader) specFiles(path string) []string {
	info, err := os.Stat(path)
	if err != nil {
		l.unreadable(path, err)
		return nil
	}
	if !info.IsDir() {
		l.dir = filepath.Dir(path)
		if !strings.HasSuffix(path, ".hcl") && !strings.HasSuffix(path, ".hcl.json") {
			l.faults.add(diag.New(diag.Usage, codeRead, "Not a spec", "%q does not end in .hcl or .hcl.json.", path))
			return nil
		}
		return []string{path}
	}
	l.dir = path
	names := l.matching("*.lc.hcl")
	if len(names) == 0 {
		l.faults.add(diag.New(diag.Usage, codeRead, "No spec in directory", "%q has no file *.lc.hcl.%s", path, l.otherSpecs()))
	}
	return names
}

// otherSpecs says what to do about a directory that is no spec.
func (l *loader) otherSpecs() string {
	others := slices.DeleteFunc(l.matching("*.hcl"), func(f string) bool {
		return strings.HasPrefix(filepath.Base(f), ".") || strings.HasSuffix(f, ".vars.hcl")
	})
	switch len(others) {
	case 0:
		return " Name a spec; a checkpoint is named in one, and loraconv merge makes one for it."
	case 1:
		return fmt.Sprintf(" Name the file %q, or let the names of its specs end in .lc.hcl.", others[0])
	}
	return fmt.Sprintf(" Name one of its files, such as %q, or let the names of its specs end in .lc.hcl.", others[0])
}

// matching lists the files of the spec's directory whose names match.
func (l *loader) matching(pattern string) []string {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		l.unreadable(l.dir, err)
		return nil
	}
	var out []string
	for _, e := range entries {
		if ok, _ := filepath.Match(pattern, e.Name()); ok && !e.IsDir() {
			out = append(out, filepath.Join(l.dir, e.Name()))
		}
	}
	return out // ReadDir sorts by name
}

func (l *loader) unreadable(path string, err error) {
	why := err.Error()
	var p *fs.PathError
	if errors.As(err, &p) {
		why = p.Err.Error()
	}
	l.faults.add(diag.New(diag.Usage, codeRead, "Cannot read file", "%q: %s.", path, why))
}

// parse reads, scans and parses one file. It returns nil when that failed.
func (l *loader) parse(name string, isJSON bool) *hcl.File {
	src, err := readBounded(name)
	if err != nil {
		l.unreadable(name, err)
		return nil
	}
	return l.parseBytes(name, src, isJSON)
}

func (l *loader) parseBytes(name string, src []byte, isJSON bool) *hcl.File {
	l.files = append(l.files, name)
	var lim *limit
	if isJSON {
		lim = scanJSON(src, name)
	} else {
		lim = scan(src, name, hcl.InitialPos, hclsyntax.LexConfig)
	}
	if len(src) <= maxBytes {
		l.texts[name] = src
	}
	if lim != nil {
		l.faults.errorf(lim.at, lim.code, lim.summary("Text"), "%s", lim.text)
		return nil
	}
	var file *hcl.File
	var diags hcl.Diagnostics
	if isJSON {
		file, diags = hcljson.Parse(src, name)
	} else {
		file, diags = hclsyntax.ParseConfig(src, name, hcl.InitialPos)
	}
	l.faults.hcl(diags, true)
	if diags.HasErrors() {
		return nil
	}
	return file
}

// readBounded reads a file, one byte more than a spec may have at most.
func readBounded(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxBytes+1))
}

// top is what may stand outside of all blocks: blocks.
var top = &hcl.BodySchema{Blocks: []hcl.BlockHeaderSchema{
	{Type: "loraconv"},
	{Type: "variable", LabelNames: []string{"name"}},
	{Type: "locals"},
	{Type: "source", LabelNames: []string{"plugin", "name"}},
	{Type: "conversion", LabelNames: []string{"name"}},
	{Type: "execution", LabelNames: []string{"engine"}},
}}

// blocks returns the blocks of all files by type, in order.
func (l *loader) blocks() map[string][]*hcl.Block {
	out := map[string][]*hcl.Block{}
	for _, file := range l.bodies {
		c := l.open(file.Body, top)
		for _, b := range c.Blocks {
			out[b.Type] = append(out[b.Type], b)
		}
	}
	return out
}
