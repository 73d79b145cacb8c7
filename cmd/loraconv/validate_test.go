package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// finding is one diagnostic as each form of validate tells it.
type finding struct {
	File, Level, Code  string
	Line, From, To     int // columns; 0 where the finding has no place, or spans lines
	Message            string
	EndLine, EndColumn int
}

// brokenSpecs goes to the broken specs of core/spec, and lists them.
func brokenSpecs(t *testing.T) []string {
	t.Helper()
	t.Chdir("../../core/spec/testdata/broken")
	var out []string
	for _, p := range []string{"*.hcl", "*.hcl.json"} {
		names, err := filepath.Glob(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, names...)
	}
	if len(out) < 100 {
		t.Fatalf("%d specs", len(out))
	}
	return out
}

// fromJSON reads the findings of -format json, the form that the others are
// compared with, and how many specs were checked.
func fromJSON(t *testing.T, stdout string) (out []finding, specs int) {
	t.Helper()
	spec := []finding{}
	for line := range strings.Lines(stdout) {
		var e struct {
			Type, Severity, Code, Summary, Detail, Spec string
			Range                                       *struct {
				File       string
				Start, End struct{ Line, Column int }
			}
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		switch e.Type {
		case "diagnostic":
			f := finding{Level: e.Severity, Code: e.Code, Message: e.Summary}
			if e.Detail != "" {
				f.Message += ": " + strings.TrimRight(e.Detail, "\n")
			}
			if r := e.Range; r != nil {
				f.File, f.Line, f.From, f.EndLine, f.EndColumn = r.File, r.Start.Line, r.Start.Column, r.End.Line, r.End.Column
			}
			spec = append(spec, f)
		case "checked":
			for i := range spec {
				if spec[i].File == "" {
					spec[i].File = e.Spec
				}
			}
			out, spec = append(out, spec...), nil
			specs++
		}
	}
	return out, specs
}

func compileSchema(t *testing.T, path string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	s, err := c.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func meets(t *testing.T, s *jsonschema.Schema, text string) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

// Every form tells of the same faults at the same places, for each of the
// broken specs of core/spec.
func TestValidateForms(t *testing.T) {
	sarif := compileSchema(t, "testdata/schemas/sarif-2.1.0.json")
	specs := brokenSpecs(t)
	ask := func(format string) string {
		code, stdout, stderr := loraconv(t, append([]string{"validate", "-syntax-only", "-format", format}, specs...)...)
		if code != 64 || stderr != "" {
			t.Fatalf("%s: exit %d, %s", format, code, stderr)
		}
		return stdout
	}
	want, n := fromJSON(t, ask("json"))
	if n != len(specs) || len(want) < 100 {
		t.Fatalf("%d findings in %d specs, wanted %d", len(want), n, len(specs))
	}

	t.Run("sarif", func(t *testing.T) {
		text := ask("sarif")
		meets(t, sarif, text)
		if d := cmp.Diff(want, fromSARIF(t, text)); d != "" {
			t.Error(d)
		}
	})
	t.Run("github", func(t *testing.T) {
		var flat []finding
		for _, f := range want {
			if f.Line == 0 {
				f.Line = 1
			}
			if f.To = f.EndColumn; f.EndLine != f.Line {
				f.From, f.To = 0, 0
			}
			f.EndLine, f.EndColumn = 0, 0
			flat = append(flat, f)
		}
		if d := cmp.Diff(flat, fromGitHub(t, ask("github"))); d != "" {
			t.Error(d)
		}
	})
	t.Run("junit", func(t *testing.T) {
		r := fromJUnit(t, ask("junit"))
		told := map[string]int{} // errors by spec
		for _, c := range r.Suites[0].Cases {
			told[c.Name] = len(c.Failures)
			for _, f := range c.Failures {
				if !strings.Contains(f.Text, "("+f.Type+")") || f.Message == "" {
					t.Errorf("%s: %+v", c.Name, f)
				}
			}
		}
		invalid := 0
		for _, s := range specs {
			n := 0
			for _, f := range want {
				if f.File == s && f.Level == "error" {
					n++
				}
			}
			if told[s] != n {
				t.Errorf("%s: %d failures, wanted %d", s, told[s], n)
			}
			if n > 0 {
				invalid++
			}
		}
		if len(r.Suites) != 1 || r.Tests != len(specs) || len(told) != len(specs) || r.Failures != invalid {
			t.Errorf("%d tests, %d failures; wanted %d and %d", r.Tests, r.Failures, len(specs), invalid)
		}
	})
}

func fromSARIF(t *testing.T, text string) (out []finding) {
	t.Helper()
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID, Level string
				RuleIndex     int
				Message       struct{ Text string }
				Locations     []struct {
					PhysicalLocation struct {
						ArtifactLocation struct{ URI string }
						Region           struct{ StartLine, StartColumn, EndLine, EndColumn int }
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &log); err != nil {
		t.Fatal(err)
	}
	for _, r := range log.Runs[0].Results {
		p := r.Locations[0].PhysicalLocation
		file, err := url.PathUnescape(strings.TrimPrefix(p.ArtifactLocation.URI, "./"))
		if err != nil || log.Runs[0].Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID {
			t.Errorf("%v, rule %d is not %s", err, r.RuleIndex, r.RuleID)
		}
		out = append(out, finding{File: file, Level: r.Level, Code: r.RuleID, Message: r.Message.Text,
			Line: p.Region.StartLine, From: p.Region.StartColumn, EndLine: p.Region.EndLine, EndColumn: p.Region.EndColumn})
	}
	return out
}

var command = regexp.MustCompile(`^::(error|warning) file=([^,]*),line=(\d+)(?:,endLine=\d+)?(?:,col=(\d+),endColumn=(\d+))?,title=([^:,]*)::(.*)$`)

// fromGitHub reads annotations as the runner of GitHub Actions does: it splits
// at commas and the second ::, and then takes the escapes out.
func fromGitHub(t *testing.T, text string) (out []finding) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	unescape := strings.NewReplacer("%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%").Replace
	for _, line := range lines[:len(lines)-1] {
		m := command.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("%q is no annotation", line)
			continue
		}
		f := finding{Level: m[1], File: unescape(m[2]), Code: unescape(m[6]), Message: unescape(m[7])}
		for i, n := range map[int]*int{3: &f.Line, 4: &f.From, 5: &f.To} {
			fmt.Sscan(m[i], n)
		}
		out = append(out, f)
	}
	return out
}

// junitReport holds what junit-10.xsd allows, of what is used; fromJUnit
// refuses all else.
type junitReport struct {
	XMLName                 xml.Name   `xml:"testsuites"`
	Name                    string     `xml:"name,attr"`
	Tests, Failures, Errors int        `xml:"-"`
	Attrs                   []xml.Attr `xml:",any,attr"`
	Suites                  []struct {
		Name  string     `xml:"name,attr"`
		Tests int        `xml:"tests,attr"`
		Attrs []xml.Attr `xml:",any,attr"`
		Cases []struct {
			Name     string     `xml:"name,attr"`
			Class    string     `xml:"classname,attr"`
			Attrs    []xml.Attr `xml:",any,attr"`
			Failures []struct {
				Message string `xml:"message,attr"`
				Type    string `xml:"type,attr"`
				Text    string `xml:",chardata"`
			} `xml:"failure"`
			Out  string     `xml:"system-out"`
			Rest []struct{} `xml:",any"`
		} `xml:"testcase"`
		Rest []struct{} `xml:",any"`
	} `xml:"testsuite"`
	Rest []struct{} `xml:",any"`
}

func fromJUnit(t *testing.T, text string) (r junitReport) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&r); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Token(); err != io.EOF {
		if tok, _ := d.Token(); tok != nil {
			t.Errorf("more follows: %v", tok)
		}
	}
	allow := func(attrs []xml.Attr, names ...string) {
		for _, a := range attrs {
			ok := false
			for _, n := range names {
				ok = ok || a.Name.Local == n
			}
			if !ok {
				t.Errorf("attribute %q", a.Name.Local)
			}
			switch a.Name.Local {
			case "tests":
				fmt.Sscan(a.Value, &r.Tests)
			case "failures":
				fmt.Sscan(a.Value, &r.Failures)
			}
		}
	}
	rest := len(r.Rest)
	for _, s := range r.Suites {
		allow(s.Attrs, "failures", "errors", "skipped")
		rest += len(s.Rest)
		for _, c := range s.Cases {
			allow(c.Attrs, "file")
			rest += len(c.Rest)
		}
	}
	allow(r.Attrs, "tests", "failures", "errors")
	if rest > 0 {
		t.Errorf("%d elements that the schema does not have", rest)
	}
	return r
}

const validSpec = `source "openpi" "ft" {
  path = "checkpoint"
  lora {
    alpha = 16
  }
}
conversion "robot" {
  source = source.openpi.ft
  output "pytorch" {
    path = "out"
  }
}
`

// A valid spec is said to be valid, in every form; a warning fails on request;
// names of files that mean something to a form do no harm.
func TestValidateSaysSomething(t *testing.T) {
	sarif := compileSchema(t, "testdata/schemas/sarif-2.1.0.json")
	t.Chdir(t.TempDir())
	odd := "a,b:c%0A::x 'ü'.hcl"
	for name, text := range map[string]string{
		"good.hcl":      validSpec,
		odd:             strings.Replace(validSpec, "path = \"checkpoint\"", "path = \"e\u0301\u0301\" + oops", 1),
		"warn/warn.hcl": validSpec, "warn/x.auto.vars.hcl": "nothing = 1\n",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for format, want := range map[string]string{
		"text":   "1 spec is valid\n",
		"github": "1 spec, 0 not valid; 0 errors, 0 warnings\n",
		"json":   `{"type":"checked","spec":"good.hcl","valid":true,"errors":0,"warnings":0}`,
		"junit":  `<testcase name="good.hcl" classname="loraconv.validate" file="good.hcl"></testcase>`,
		"sarif":  `"results": []`,
	} {
		code, stdout, stderr := loraconv(t, "validate", "good.hcl", "-format", format)
		if code != 0 || stderr != "" || !strings.Contains(stdout, want) {
			t.Errorf("%s: exit %d\n%s%s", format, code, stdout, stderr)
		}
		if format == "sarif" {
			meets(t, sarif, stdout)
		}
	}
	for _, strict := range []bool{false, true} {
		args := []string{"validate", "warn/warn.hcl", "-format", "junit"}
		want := 0
		if strict {
			args, want = append(args, "-warnings-as-errors"), 64
		}
		code, stdout, _ := loraconv(t, args...)
		if r := fromJUnit(t, stdout); code != want || (r.Failures == 1) != strict || (r.Suites[0].Cases[0].Out != "") == strict {
			t.Errorf("strict %v: exit %d\n%s", strict, code, stdout)
		}
	}
	// Columns are code points: the two marks over e count.
	_, stdout, _ := loraconv(t, "validate", odd, "-syntax-only", "-format", "sarif")
	meets(t, sarif, stdout)
	if f := fromSARIF(t, stdout); len(f) != 1 || f[0].File != odd || f[0].Line != 2 || f[0].From != 18 {
		t.Errorf("%+v", f)
	}
	_, stdout, _ = loraconv(t, "validate", odd, "-syntax-only", "-format", "github")
	if f := fromGitHub(t, stdout); len(f) != 1 || f[0].File != odd {
		t.Errorf("%+v\n%s", f, stdout)
	}
	// A file outside of the working directory has its whole path.
	above := absolute(t, odd)
	t.Chdir("warn")
	_, stdout, _ = loraconv(t, "validate", "../"+odd, "-syntax-only", "-format", "sarif")
	meets(t, sarif, stdout)
	if f := fromSARIF(t, stdout); len(f) != 1 || f[0].File != "file://"+filepath.ToSlash(above) {
		t.Errorf("%+v, wanted file://%s", f, above)
	}
	t.Chdir("..")
	if code, stdout, stderr := loraconv(t, "validate", "good.hcl", "-format", "yaml"); code != 64 || stdout != "" || !strings.Contains(stderr, "wanted one of text, json") {
		t.Errorf("exit %d, %s%s", code, stdout, stderr)
	}
}

// Below directories, a spec is a file or a directory with *.lc.hcl files.
func TestValidateRecursive(t *testing.T) {
	t.Chdir(t.TempDir())
	half := strings.Index(validSpec, "conversion")
	for name, text := range map[string]string{
		"a/one.hcl": validSpec, "a/b/x.lc.hcl": validSpec[:half], "a/b/y.lc.hcl": validSpec[half:], "a/b/z.auto.vars.hcl": "",
		"a/.git/bad.hcl": "(", "a/.loraconv.lock.hcl": "(", "a/notes.txt": "(", "a/two.hcl.json": "{",
	} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	code, stdout, stderr := loraconv(t, "validate", "-recursive", "-format", "json")
	var specs []string
	for _, m := range regexp.MustCompile(`"checked","spec":"([^"]*)","valid":(true|false)`).FindAllStringSubmatch(stdout, -1) {
		specs = append(specs, m[1]+" "+m[2])
	}
	if d := cmp.Diff([]string{"a/b true", "a/one.hcl true", "a/two.hcl.json false"}, specs); d != "" || code != 64 {
		t.Errorf("exit %d, %s%s", code, d, stderr)
	}
	if code, _, stderr := loraconv(t, "validate", "-recursive", "a/.git"); code != 64 || !strings.Contains(stderr, "1 spec not valid") {
		t.Errorf("a directory that is named is searched: exit %d, %s", code, stderr)
	}
}
