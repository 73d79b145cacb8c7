package session

import (
	"io"
	"os"
	"path/filepath"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/receipt"
	"github.com/loraconv/loraconv/core/spec"
)

// apart refuses an output that overlaps what the conversion reads: publishing
// it, or replacing it with -force, would change or remove a source. Beside a
// step in its run directory there is room.
func (p *Prepared) apart(specDir string) *diag.Diagnostic {
	out := resolved(p.Output)
	refuse := func(what, path string) *diag.Diagnostic {
		return diag.New(diag.Usage, "output-overlaps", "The output overlaps what is read",
			"the output %q and %s, %q, lie one inside the other, or are the same: an output has a directory of its own; name another path", p.Output, what, path)
	}
	for _, o := range p.Sources {
		if root := resolved(o.Root); within(out, root) || within(root, out) || within(resolved(o.Path), out) {
			return refuse("source \""+o.Name+"\"", o.Root)
		}
	}
	if t := p.Template; t != nil && (within(out, resolved(t.Path)) || within(resolved(t.Path), out)) {
		return refuse("the template", t.Path)
	}
	for _, c := range p.Checks {
		if c.Kind == spec.CheckReference && (within(out, resolved(c.Path)) || within(resolved(c.Path), out)) {
			return refuse("the reference of a check", c.Path)
		}
	}
	if specDir != "" && within(resolved(specDir), out) {
		return refuse("the directory of the spec", specDir)
	}
	return nil
}

// within reports whether path a is path b or lies below it.
func within(a, b string) bool {
	rel, err := filepath.Rel(b, a)
	return err == nil && (rel == "." || filepath.IsLocal(rel))
}

// resolved is a path without symbolic links, as far as it exists.
func resolved(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	rest := ""
	for at := abs; ; at = filepath.Dir(at) {
		if r, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(r, rest)
		}
		if at == filepath.Dir(at) {
			return abs
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// foreign reports whether something is at the output's path that is neither an
// output of loraconv nor an empty directory: that is never replaced.
func foreign(output string) bool {
	if _, err := os.Lstat(filepath.Join(output, receipt.ManifestName)); err == nil {
		return false
	}
	if _, err := os.Lstat(output); err != nil {
		return false // nothing is there; if it cannot be seen, writing will say why
	}
	d, err := os.Open(output)
	if err != nil {
		return true
	}
	defer func() { _ = d.Close() }()
	_, err = d.Readdirnames(1)
	return err != io.EOF
}

// foreignFault says that -force does not help.
func foreignFault(output string) *diag.Diagnostic {
	what := "a directory without " + receipt.ManifestName
	if st, err := os.Lstat(output); err == nil && !st.IsDir() {
		what = kindOf(st.Mode())
	}
	return diag.New(diag.Exists, "output-foreign", "What is at the output path was not made by loraconv",
		"%q is %s, which is never replaced; name another path, or move it away yourself", output, what)
}

func kindOf(m os.FileMode) string {
	switch {
	case m&os.ModeSymlink != 0:
		return "a symbolic link"
	case m.IsRegular():
		return "a file"
	}
	return "a special file"
}
