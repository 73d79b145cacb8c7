package installed

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/version"
)

func TestPlaces(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	system := []string{"/usr/local/lib/loraconv/plugins", "/usr/lib/loraconv/plugins"}
	for _, tt := range []struct {
		env  map[string]string
		want []string
	}{
		{nil, nil},
		{map[string]string{"HOME": "/home/a"}, []string{"/home/a/.local/share/loraconv/plugins"}},
		{map[string]string{"HOME": "/home/a", "XDG_DATA_HOME": "/data"}, []string{"/data/loraconv/plugins"}},
		{map[string]string{"HOME": "/home/a", "XDG_DATA_HOME": "data"}, []string{"/home/a/.local/share/loraconv/plugins"}},
		{map[string]string{"HOME": "."}, nil},
		{map[string]string{"HOME": "/home/a", "LORACONV_PLUGINS_DIR": "/mirror/"}, []string{"/mirror", "/home/a/.local/share/loraconv/plugins"}},
	} {
		got, err := Places(func(n string) (string, bool) { v, ok := tt.env[n]; return v, ok })
		if d := cmp.Diff(append(tt.want, system...), got); err != nil || d != "" {
			t.Errorf("%v: %v\n%s", tt.env, err, d)
		}
	}
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(path), 0o755); err != nil {
		t.Fatal(err)
	}
}

// Only what follows the layout is found; the newest comes first, and of one
// version in two places the first place's.
func TestFindAndAll(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, f := range []string{"lab/x/0.9.0/linux_amd64", "lab/x/0.10.0/linux_amd64", "lab/x/0.10.0/linux_arm64", "lab/x/latest/linux_amd64", "lab/x/1.0/linux_amd64", "x/1.0.0/linux_amd64", "lab/x/1.0.0/linux", "lab/x"} {
		touch(t, filepath.Join(a, f, "loraconv-plugin-x"))
	}
	touch(t, filepath.Join(a, "lab/x/0.8.0/linux_amd64/x"))
	touch(t, filepath.Join(b, "lab/x/0.10.0/linux_amd64/loraconv-plugin-x"))
	touch(t, filepath.Join(b, "lab/x/1.0.0-rc1/linux_amd64/loraconv-plugin-x"))
	touch(t, filepath.Join(b, "example.com/lab/y/1.0.0/windows_amd64/loraconv-plugin-y.exe"))

	var got []string
	for _, p := range Find([]string{a, b, "/nowhere"}, "lab/x", "x", "linux_amd64") {
		got = append(got, p.Version.String()+map[bool]string{true: " in a", false: " in b"}[p.Place == a])
	}
	if d := cmp.Diff([]string{"1.0.0-rc1 in b", "0.10.0 in a", "0.9.0 in a"}, got); d != "" {
		t.Error(d)
	}
	got = nil
	for _, p := range All([]string{a, b}) {
		got = append(got, strings.Join([]string{p.Source, p.Version.String(), p.Platform, p.Name}, " "))
		if _, err := os.Stat(p.Path()); err != nil {
			t.Error(err)
		}
	}
	slices.Sort(got)
	want := []string{"example.com/lab/y 1.0.0 windows_amd64 y", "lab/x 0.10.0 linux_amd64 x", "lab/x 0.10.0 linux_amd64 x", "lab/x 0.10.0 linux_arm64 x", "lab/x 0.9.0 linux_amd64 x", "lab/x 1.0.0-rc1 linux_amd64 x"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestExposed(t *testing.T) {
	if runtime.GOOS == "windows" {
		return
	}
	v, err := version.Parse("1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	fresh := func() *Plugin {
		p := &Plugin{Place: filepath.Join(t.TempDir(), "plugins"), Source: "lab/x", Version: v, Platform: "linux_amd64", Name: "x"}
		touch(t, p.Path())
		for at := p.Path(); at != filepath.Dir(p.Place); at = filepath.Dir(at) {
			if err := os.Chmod(at, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return p
	}
	if err := fresh().Exposed(); err != nil {
		t.Error(err)
	}
	for want, spoil := range map[string]func(p *Plugin) error{
		"(mode 0775)":        func(p *Plugin) error { return os.Chmod(p.Path(), 0o775) },
		"(mode 0757)":        func(p *Plugin) error { return os.Chmod(filepath.Join(p.Place, "lab"), 0o757) },
		"(mode 0777)":        func(p *Plugin) error { return os.Chmod(p.Place, 0o777) },
		"not a regular file": func(p *Plugin) error { os.Remove(p.Path()); return os.Mkdir(p.Path(), 0o755) },
		"is a symbolic link": func(p *Plugin) error {
			d := filepath.Join(p.Place, "lab")
			os.Rename(d, d+".x")
			return os.Symlink(d+".x", d)
		},
		"no such file or dir": func(p *Plugin) error { return os.Remove(p.Path()) },
	} {
		p := fresh()
		if err := spoil(p); err != nil {
			t.Fatal(err)
		}
		if err := p.Exposed(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, wanted %s", err, want)
		}
	}
}

func TestBuiltFor(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got := BuiltFor(exe); runtime.GOOS == "linux" && got != "_"+runtime.GOARCH {
		t.Errorf("this test was built for %q", got)
	}
	if got := BuiltFor("installed_test.go"); got != "" {
		t.Errorf("a text was built for %q", got)
	}
}
