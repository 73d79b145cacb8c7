package spec

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/loraconv/loraconv/core/glob"
)

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// resolvePath joins a path of the spec to the spec's directory. code is empty
// when the path is good.
func resolvePath(dir, p string) (path, code, why string) {
	first, _, _ := strings.Cut(p, "/")
	switch {
	case p == "":
		return "", codePath, "The path is empty."
	case strings.ContainsRune(p, 0):
		return "", codePath, "The path contains a zero byte."
	case len(p) > 4096:
		return "", codePath, "The path is longer than 4096 bytes."
	case scheme.MatchString(p):
		return "", codeRemote, fmt.Sprintf("%q names a remote store (%s), and no store of loraconv can read it yet. Copy the data to a local directory and name that.", p, scheme.FindString(p))
	case filepath.IsAbs(p):
		return filepath.Clean(p), "", ""
	case first == "~" || strings.HasPrefix(first, "$"):
		return "", codePath, fmt.Sprintf("%q begins with %s, which a shell would replace and a spec does not: an output would come to lie in a directory of that name. Write the whole path, or take a variable; ./%s is a directory that is called so.", p, first, first)
	}
	return filepath.Join(dir, p), "", ""
}

// fileFunctions are the functions that look at files, relative to dir. They
// tell whether a file is there, never what is in it.
//
// fileexists takes what path arguments take, because it is there to check
// them; it may so look outside of dir, as path may. fileset lists names, and
// stays inside.
func fileFunctions(dir string) map[string]function.Function {
	text := func(name string) function.Parameter { return function.Parameter{Name: name, Type: cty.String} }
	return map[string]function.Function{
		"fileexists": function.New(&function.Spec{
			Params: []function.Parameter{text("path")},
			Type:   function.StaticReturnType(cty.Bool),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				p, code, why := resolvePath(dir, args[0].AsString())
				if code != "" {
					return cty.NilVal, fmt.Errorf("%s", why)
				}
				info, err := os.Stat(p)
				return cty.BoolVal(err == nil && info.Mode().IsRegular()), nil
			},
		}),
		"fileset": function.New(&function.Spec{
			Params: []function.Parameter{text("path"), text("pattern")},
			Type:   function.StaticReturnType(cty.Set(cty.String)),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				names, err := fileSet(dir, args[0].AsString(), args[1].AsString())
				if err != nil {
					return cty.NilVal, err
				}
				if len(names) == 0 {
					return cty.SetValEmpty(cty.String), nil
				}
				vals := make([]cty.Value, len(names))
				for i, n := range names {
					vals[i] = cty.StringVal(n)
				}
				return cty.SetVal(vals), nil
			},
		}),
	}
}

// maxListed is how many directory entries one fileset looks at.
const maxListed = 50_000

// fileSet lists the regular files below path whose names, relative to path
// and slash-separated, match a glob. It neither follows symbolic links nor
// leaves dir.
func fileSet(dir, path, pattern string) ([]string, error) {
	p, err := glob.Compile(pattern, '/')
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = "."
	}
	if !filepath.IsLocal(path) {
		return nil, fmt.Errorf("%q leaves the spec's directory; fileset lists files inside of it only", path)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("the spec's directory cannot be read")
	}
	defer func() { _ = root.Close() }()
	path = filepath.ToSlash(filepath.Clean(path))
	var out []string
	seen := 0
	err = fs.WalkDir(root.FS(), path, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("%q cannot be listed", name)
		}
		if seen++; seen > maxListed {
			return fmt.Errorf("more than %d files and directories are below %q", maxListed, path)
		}
		rel := name
		if path != "." {
			rel = strings.TrimPrefix(strings.TrimPrefix(name, path), "/")
		}
		if d.Type().IsRegular() && p.Match(rel) {
			out = append(out, rel)
		}
		return nil
	})
	sort.Strings(out)
	return out, err
}
