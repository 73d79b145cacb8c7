package lock

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclwrite"

	"github.com/loraconv/loraconv/core/version"
)

const (
	hexA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hexB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

const sample = `# One line.
# Another.

plugin "example.com/lab/pocket" {
  version     = "0.2.0"
  constraints = "~> 0.2"
  protocol    = 1
  sha256 = {
    darwin_arm64 = "` + hexB + `"
    linux_amd64  = "` + hexA + `"
  }
}

plugin "lab/zoo" {
  version  = "1.0.0-rc.1"
  protocol = 2
  sha256 = {
    linux_amd64 = "` + hexB + `"
  }
}
`

func sampleFile(t *testing.T) *File {
	t.Helper()
	a, err := version.Parse("0.2.0")
	if err != nil {
		t.Fatal(err)
	}
	b, err := version.Parse("1.0.0-rc.1")
	if err != nil {
		t.Fatal(err)
	}
	f := &File{Comment: []string{"# One line.", "# Another."}}
	f.Put(Plugin{Source: "lab/zoo", Version: b, Protocol: 2, SHA256: map[string]string{"linux_amd64": hexB}})
	f.Put(Plugin{Source: "example.com/lab/pocket", Version: a, Constraints: "~> 0.2", Protocol: 1, SHA256: map[string]string{"linux_amd64": hexA, "darwin_arm64": hexB}})
	return f
}

func TestFormat(t *testing.T) {
	b, err := sampleFile(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sample, string(b)); d != "" {
		t.Error(d)
	}
	f, err := Parse(b, Name)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(sampleFile(t), f, cmp.AllowUnexported(version.Version{})); d != "" {
		t.Error(d)
	}
	if p := f.Find("lab/zoo"); p == nil || p.Protocol != 2 || f.Find("lab/zo") != nil {
		t.Errorf("found %+v", p)
	}
	// It is HCL, and as its formatter has it.
	if _, diags := hclparse.NewParser().ParseHCL(b, Name); diags.HasErrors() {
		t.Error(diags)
	}
	if got := hclwrite.Format(b); !bytes.Equal(got, b) {
		t.Error(cmp.Diff(string(b), string(got)))
	}
}

// Each line is one fault, by a change of the sample.
func TestParseRefuses(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"plugin \"lab/zoo\"", "provider \"lab/zoo\"", `.loraconv.lock.hcl:14: found a block "provider", wanted plugin`},
		{"plugin \"lab/zoo\"", "plugin lab", `.loraconv.lock.hcl:14: found "lab", wanted the plugin's source in quotes`},
		{"lab/zoo", "zoo", `.loraconv.lock.hcl:14: "zoo" is not a source: wanted names joined by /, such as "example.com/lab/pocket"`},
		{"lab/zoo", "../zoo", `.loraconv.lock.hcl:14: "../zoo" is not a source: wanted names joined by /, such as "example.com/lab/pocket"`},
		{"lab/zoo", "lab/..", `.loraconv.lock.hcl:14: "lab/.." is not a source: wanted names joined by /, such as "example.com/lab/pocket"`},
		{"lab/zoo", "/lab/zoo", `.loraconv.lock.hcl:14: "/lab/zoo" is not a source: wanted names joined by /, such as "example.com/lab/pocket"`},
		{"lab/zoo", "example.com/lab/pocket", `.loraconv.lock.hcl:14: plugin "example.com/lab/pocket" stands twice`},
		{"1.0.0-rc.1", "1.0", `.loraconv.lock.hcl:15: "1.0" is not a version such as "0.1.0"`},
		{"\"~> 0.2\"", "\"~> 0.3\"", `.loraconv.lock.hcl:4: plugin "example.com/lab/pocket": version 0.2.0 is not what its constraints "~> 0.3" allow`},
		{"\"~> 0.2\"", "\"about 0.3\"", `.loraconv.lock.hcl:4: plugin "example.com/lab/pocket": "about 0.3" is not a version constraint such as ">= 0.1.0, < 1.0.0" or "~> 0.1"`},
		{"protocol = 2", "protocol = 0", `.loraconv.lock.hcl:14: plugin "lab/zoo" has protocol 0, wanted 1 to 1000`},
		{"protocol = 2", "protocol = 1.5", `.loraconv.lock.hcl:16: strconv.Atoi: parsing "1.5": invalid syntax`},
		{"protocol = 2", "protocol = \"2\"", `.loraconv.lock.hcl:16: found "\"", wanted a number`},
		{"  protocol = 2\n", "", `.loraconv.lock.hcl:14: plugin "lab/zoo" has protocol 0, wanted 1 to 1000`},
		{"  version  = \"1.0.0-rc.1\"\n", "", `.loraconv.lock.hcl:14: plugin "lab/zoo" has no version`},
		{"protocol = 2", "protokoll = 2", `.loraconv.lock.hcl:16: found the argument "protokoll", wanted version, constraints, protocol or sha256`},
		{"protocol = 2", "version  = \"2.0.0\"", `.loraconv.lock.hcl:16: "version" stands twice`},
		{"darwin_arm64", "linux_amd64 ", `.loraconv.lock.hcl:10: "linux_amd64" stands twice`},
		{"darwin_arm64", "darwin", `.loraconv.lock.hcl:4: plugin "example.com/lab/pocket": "darwin" is not a platform such as "linux_amd64"`},
		{"\"" + hexA + "\"", "\"" + hexA[1:] + "\"", `.loraconv.lock.hcl:4: plugin "example.com/lab/pocket": linux_amd64: "` + hexA[1:] + `" is not a SHA-256: wanted 64 digits of lower-case hex`},
		{"\"" + hexA + "\"", "\"" + strings.ToUpper(hexA) + "\"", `.loraconv.lock.hcl:4: plugin "example.com/lab/pocket": linux_amd64: "` + strings.ToUpper(hexA) + `" is not a SHA-256: wanted 64 digits of lower-case hex`},
		{"    darwin_arm64 = \"" + hexB + "\"\n    linux_amd64  = \"" + hexA + "\"\n", "", `.loraconv.lock.hcl:4: plugin "example.com/lab/pocket" has no digest for any platform`},
		{"\"~> 0.2\"", "\"${x}\"", `.loraconv.lock.hcl:6: found "${", wanted constraints in quotes`},
		{"\"~> 0.2\"", `"\u0031"`, `.loraconv.lock.hcl:6: "\\u0031" holds an escape or a template, which nothing here needs`},
		{"protocol    = 1\n", "protocol    = 1 # one\n", `.loraconv.lock.hcl:7: a comment stands here; it would be lost when the file is written, so comments stand at the top only`},
		{"# Another.", "// Another.", `.loraconv.lock.hcl:2: a comment here begins with #`},
		{"protocol    = 1\n", "protocol    = 1, \n", `.loraconv.lock.hcl:7: found ",", wanted the end of the line`},
		{"protocol = 2", "protocol = ((((((2))))))", `.loraconv.lock.hcl:16: found "(", wanted a number`},
		{"}\n\nplugin \"lab/zoo\"", "plugin \"lab/zoo\"", `.loraconv.lock.hcl:12: found "\"", wanted =`},
	} {
		text := strings.Replace(sample, tt.old, tt.new, 1)
		if text == sample {
			t.Fatalf("%q does not stand in the sample", tt.old)
		}
		if f, err := Parse([]byte(text), Name); err == nil || err.Error() != tt.want {
			t.Errorf("%q → %q: %v %+v\nwanted %s", tt.old, tt.new, err, f, tt.want)
		}
	}
}

func TestHostile(t *testing.T) {
	for _, s := range []string{strings.Repeat("(", maxBytes), strings.Repeat("plugin \"", maxBytes/8), strings.Repeat("#\n", maxBytes), "\xff\xfe", "\x00", strings.Repeat("\"${", maxBytes/3)} {
		if f, err := Parse([]byte(s), Name); err == nil {
			t.Errorf("%.20q… is taken as %+v", s, f)
		}
	}
}

func TestReadWrite(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := Read(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	f := sampleFile(t)
	f.Comment = nil
	for range 2 { // makes it, and replaces it
		if err := f.Write(dir); err != nil {
			t.Fatal(err)
		}
	}
	again, _, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(Header, again.Comment); d != "" {
		t.Error(d)
	}
	bad := &File{Plugins: []Plugin{{Source: "lab/zoo"}}}
	if err := bad.Write(dir); err == nil {
		t.Error("an entry without a version is written")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v %v", entries, err)
	}
	if st, err := os.Stat(filepath.Join(dir, Name)); err != nil || st.Mode().Perm() != 0o644 {
		t.Errorf("%v %v", st.Mode(), err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("plugin \"a/b\" {\n}\n"))
	f.Add([]byte("# x\n\n\n# y\r\nplugin \"a/b\" {\n  sha256 = {\n  }\n}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b, Name)
		if err != nil {
			return
		}
		one, err := file.Encode()
		if err != nil {
			t.Fatalf("it is read and cannot be written: %v", err)
		}
		again, err := Parse(one, Name)
		if err != nil {
			t.Fatalf("what is written cannot be read: %v\n%s", err, one)
		}
		if d := cmp.Diff(file, again, cmp.AllowUnexported(version.Version{})); d != "" {
			t.Fatal(d)
		}
	})
}
