// Package law holds the import law of the house as a test: arrows point down.
package law

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/loraconv/loraconv/"

// rule says that packages under from import, directly or through others,
// nothing under any of the prefixes of never.
type rule struct {
	from  string
	never []string
	why   string
}

var rules = []rule{
	{"core/", []string{"sdk", "plugins", "cmd"}, "core knows neither plugins nor the command"},
	{"core/tensor", []string{"core/"}, "the vocabulary of one tensor stands alone"},
	{"core/manifest", []string{"core/store", "core/plan", "core/engine", "core/spec"}, "a manifest opens no file"},
	{"core/plan", []string{"core/store", "core/engine", "core/kernel", "core/spec"}, "a plan is data"},
	{"core/rule", []string{"core/manifest", "core/plan", "core/store", "core/engine"}, "the notation knows no manifest"},
	{"core/kernel", []string{"core/store", "core/plan", "core/engine"}, "the kernel does no input or output"},
	{"core/store/orbax", []string{"core/store/safetensors", "core/engine", "core/plan"}, "formats do not know each other"},
	{"core/store/safetensors", []string{"core/store/orbax", "core/engine", "core/plan"}, "formats do not know each other"},
	{"core/engine", []string{"core/store/orbax", "core/store/safetensors", "core/spec"}, "the engine knows no codec"},
	{"core/spec", []string{"core/engine", "core/store", "core/plan"}, "the language knows no weights"},
	{"core/version", []string{"core/"}, "versions stand alone"},
	{"core/lock", []string{"core/engine", "core/store", "core/plan", "core/spec"}, "a lock file is text"},
	{"sdk/", []string{"plugins", "cmd", "core/engine", "core/kernel", "core/store", "core/spec"}, "the author's side reads and computes nothing"},
	{"plugins/", []string{"cmd", "core/engine", "core/kernel", "core/store", "core/spec", "sdk/host", "sdk/internal"}, "plugins are rules"},
}

// The vocabulary packages import no HCL; only the language and the notation do.
var outside = []rule{
	{"core/diag", []string{"github.com/hashicorp/hcl"}, "a diagnostic is data"},
	{"core/plan", []string{"github.com/hashicorp/hcl", "time", "math/rand", "os"}, "a plan knows no clock, path or randomness"},
	{"core/store/", []string{"github.com/hashicorp"}, "formats know no plugin protocol"},
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Deps", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var ps []pkg
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(p.ImportPath, module) {
			ps = append(ps, p)
		}
	}
}

func TestImportLaw(t *testing.T) {
	ps := list(t)
	if len(ps) < 15 {
		t.Fatalf("only %d packages were listed", len(ps))
	}
	for _, p := range ps {
		path := strings.TrimPrefix(p.ImportPath, module)
		for _, r := range rules {
			if !under(path, r.from) {
				continue
			}
			for _, d := range p.Deps {
				dep := strings.TrimPrefix(d, module)
				if dep != d && forbidden(dep, r.never) && !strings.HasPrefix(dep, strings.TrimSuffix(r.from, "/")) {
					t.Errorf("%s imports %s: %s", path, dep, r.why)
				}
			}
		}
		for _, r := range outside {
			if under(path, r.from) {
				for _, d := range p.Imports {
					if forbidden(d, r.never) {
						t.Errorf("%s imports %s: %s", path, d, r.why)
					}
				}
			}
		}
	}
}

// Plugins never import each other.
func TestPluginsStandAlone(t *testing.T) {
	for _, p := range list(t) {
		path := strings.TrimPrefix(p.ImportPath, module)
		if !strings.HasPrefix(path, "plugins/") {
			continue
		}
		own := strings.Split(path, "/")[1]
		for _, d := range p.Deps {
			if dep := strings.TrimPrefix(d, module); strings.HasPrefix(dep, "plugins/") && strings.Split(dep, "/")[1] != own {
				t.Errorf("%s imports %s", path, dep)
			}
		}
	}
}

// The top level is fixed.
func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir("../../..")
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"core", "plugins", "sdk", "cmd", "examples", "go.mod", "go.sum", "GNUmakefile", "README.md", "LICENSE", "CHANGELOG.md",
		"bin", "out"} // the last two are built, and ignored by git
	for _, e := range entries {
		if n := e.Name(); !strings.HasPrefix(n, ".") && !slices.Contains(allowed, n) {
			t.Errorf("%s stands at the top level", n)
		}
	}
}

func under(path, prefix string) bool {
	return path == strings.TrimSuffix(prefix, "/") || strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/")
}

func forbidden(dep string, never []string) bool {
	for _, n := range never {
		if dep == n || strings.HasPrefix(dep, strings.TrimSuffix(n, "/")+"/") {
			return true
		}
	}
	return false
}
