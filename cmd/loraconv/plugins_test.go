package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/lock"
	"github.com/loraconv/loraconv/core/plan"
)

// build makes an executable from the program in a directory.
func build(dir string, flags ...string) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "loraconv-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	exe := filepath.Join(tmp, "exe")
	cmd := exec.Command("go", append(append([]string{"build", "-o", exe}, flags...), ".")...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return os.ReadFile(exe)
}

// pocket is the example's plugin, built as its author would.
var pocket = sync.OnceValues(func() ([]byte, error) { return build("../../examples/plugin-pocket") })

const pocketSource = "example.com/lab/pocket"

// machine is a home with a place for plugins, and a directory with the
// example's spec.
type machine struct {
	t     *testing.T
	place string
	spec  string // model.hcl
	good  []byte
}

// newMachine has a home without a build cache: what a test builds, it builds
// before.
func newMachine(t *testing.T) *machine {
	t.Helper()
	good, err := pocket()
	if err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", "")
	dir := t.TempDir()
	for _, f := range []string{"model.hcl", "checkpoint/model.safetensors"} {
		b, err := os.ReadFile(filepath.Join("../../examples/plugin-pocket", f))
		if err != nil {
			t.Fatal(err)
		}
		put(t, filepath.Join(dir, f), b, 0o644)
	}
	return &machine{t: t, place: filepath.Join(home, ".local", "share", "loraconv", "plugins"), spec: filepath.Join(dir, "model.hcl"), good: good}
}

func put(t *testing.T, path string, b []byte, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	os.Remove(path)
	if err := os.WriteFile(path, b, mode); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, filepath.Dir(path)} { // whatever the umask
		if err := os.Chmod(p, map[bool]os.FileMode{true: mode, false: 0o755}[p == path]); err != nil {
			t.Fatal(err)
		}
	}
}

func (m *machine) platform() string { return runtime.GOOS + "_" + runtime.GOARCH }

// path is where a version of pocket belongs, below a place.
func (m *machine) path(place, version string) string {
	return filepath.Join(place, pocketSource, version, m.platform(), "loraconv-plugin-pocket")
}

func (m *machine) install(version string, b []byte) string {
	m.t.Helper()
	p := m.path(m.place, version)
	put(m.t, p, b, 0o755)
	for d := filepath.Dir(p); d != filepath.Dir(m.place); d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			m.t.Fatal(err)
		}
	}
	return p
}

// pin writes a lock file by hand.
func (m *machine) pin(version, platform string, b []byte) {
	m.t.Helper()
	put(m.t, m.lock(), []byte(fmt.Sprintf("plugin %q {\n  version  = %q\n  protocol = 1\n  sha256 = {\n    %s = %q\n  }\n}\n", pocketSource, version, platform, sum(b))), 0o644)
}

func (m *machine) lock() string { return filepath.Join(filepath.Dir(m.spec), lock.Name) }

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// ok runs a command that must succeed.
func (m *machine) ok(args ...string) string {
	m.t.Helper()
	code, stdout, stderr := loraconv(m.t, args...)
	if code != 0 {
		m.t.Fatalf("%v: exit %d\n%s%s", args, code, stdout, stderr)
	}
	return stdout + stderr
}

// fails runs a command that must end with this exit code and say this.
func (m *machine) fails(want int, code string, args ...string) string {
	m.t.Helper()
	got, stdout, stderr := loraconv(m.t, args...)
	if got != want || !strings.Contains(stderr, "("+code+")") {
		m.t.Errorf("%v: exit %d, wanted %d and %s\n%s%s", args, got, want, code, stdout, stderr)
	}
	return stderr
}

// A stranger's plugin, from its executable to a published output.
func TestExternalPlugin(t *testing.T) {
	m := newMachine(t)
	m.fails(6, "plugin-absent", "init", m.spec)
	exe := m.install("0.1.0", m.good)
	m.fails(64, "plugin-unlocked", "run", m.spec)
	m.fails(10, "lock-stale", "init", "-check", m.spec)

	said := m.ok("init", m.spec)
	if !strings.Contains(said, "pocket: example.com/lab/pocket 0.1.0 pinned, for "+m.platform()) || !strings.Contains(said, "wrote "+m.lock()) {
		t.Error(said)
	}
	b, err := os.ReadFile(m.lock())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nplugin \"example.com/lab/pocket\" {\n", "  version     = \"0.1.0\"\n", "  constraints = \"~> 0.1\"\n", "  protocol    = 1\n", fmt.Sprintf("    %s = %q\n", m.platform(), sum(m.good))} {
		if !bytes.Contains(b, []byte(want)) {
			t.Errorf("no %q in\n%s", want, b)
		}
	}
	if said := m.ok("init", m.spec); strings.Contains(said, "wrote") || !strings.Contains(said, "pinned already") {
		t.Error(said)
	}
	m.ok("init", "-check", m.spec)
	m.ok("validate", m.spec)

	m.ok("run", m.spec)
	out := filepath.Join(filepath.Dir(m.spec), "out/model")
	m.ok("verify", out)
	m.converted(out)
	m.provenance(out, b)

	if said := m.ok("plugins", "installed", m.spec); !regexp.MustCompile(`(?s)openpi \S+  bundled.*pocket 0\.1\.0  locked.*path +` + regexp.QuoteMeta(exe)).MatchString(said) {
		t.Error(said)
	}
	var cat session.Catalog
	if err := json.Unmarshal([]byte(m.ok("plugins", "installed", m.spec, "-json")), &cat); err != nil || cat.Plugins[2].SHA256 != sum(m.good) || cat.Lock != m.lock() {
		t.Errorf("%+v %v", cat, err)
	}
	if said := m.ok("plugins", "schema", "pocket", "-spec", m.spec); !strings.Contains(said, "    alpha = number\n") {
		t.Error(said)
	}
	rows, err := os.ReadFile("../../examples/plugin-pocket/pocket.rows")
	if said := m.ok("plugins", "rules", "pocket", "-spec", m.spec); err != nil || said != string(rows) {
		t.Error(said)
	}
	if said := m.ok("plan", m.spec); !strings.Contains(unwrapped(said), "pocket 0.1.0 (from "+pocketSource+", pinned, SHA-256 "+sum(m.good)+")") {
		t.Error(said)
	}
}

// converted compares the output with the framework's equation, in float64.
func (m *machine) converted(out string) {
	m.t.Helper()
	in, got := readFloats(m.t, filepath.Join(filepath.Dir(m.spec), "checkpoint/model.safetensors")), readFloats(m.t, filepath.Join(out, "model.safetensors"))
	if len(got) != 4 {
		m.t.Fatalf("%d tensors", len(got))
	}
	const alpha, rank = 8.0, 2
	for l, w := range [][2]int{{4, 6}, {6, 3}} {
		layer := fmt.Sprintf("layers_%d/", l)
		k, a, b := in[layer+"kernel"], in[layer+"lora_a"], in[layer+"lora_b"]
		for i := range w[0] {
			for o := range w[1] {
				want := k[i*w[1]+o]
				for r := range rank {
					want += alpha / rank * a[i*rank+r] * b[r*w[1]+o]
				}
				// Each value is a multiple of 1/4096 below 16: float32 holds it.
				if v := got[fmt.Sprintf("layers.%d.weight", l)][o*w[0]+i]; v != want {
					m.t.Errorf("layer %d [%d, %d]: %v, wanted %v", l, o, i, v, want)
				}
			}
		}
	}
}

func (m *machine) provenance(out string, lockFile []byte) {
	m.t.Helper()
	b, err := os.ReadFile(filepath.Join(out, "loraconv.provenance.json"))
	if err != nil {
		m.t.Fatal(err)
	}
	var st struct {
		Predicate struct {
			BuildDefinition struct {
				ResolvedDependencies []struct {
					Name        string
					Digest      map[string]string
					Annotations map[string]any
				}
			}
		}
	}
	if err := json.Unmarshal(b, &st); err != nil {
		m.t.Fatal(err)
	}
	for _, d := range st.Predicate.BuildDefinition.ResolvedDependencies {
		if d.Name == "plugin pocket" {
			if a := d.Annotations; d.Digest["sha256"] != sum(m.good) || a["version"] != "0.1.0" || a["source"] != pocketSource || a["lock_sha256"] != sum(lockFile) || a["unlocked"] != nil || a["bundled"] != false {
				m.t.Errorf("%+v", d)
			}
			return
		}
	}
	m.t.Errorf("the plugin is not recorded:\n%s", b)
}

// The plan of the example is the one beside it.
func TestPluginExamplePlan(t *testing.T) {
	m := newMachine(t)
	m.install("0.1.0", m.good)
	m.ok("init", m.spec)
	o, err := (&specFlags{}).options()
	if err != nil {
		t.Fatal(err)
	}
	s := session.New(o)
	defer s.Close()
	cs, ds := s.Load(m.spec, false)
	if ds.HasErrors() {
		t.Fatal(ds)
	}
	p, ds := s.Prepare(context.Background(), cs[0])
	if len(ds) > 0 {
		t.Fatal(ds)
	}
	got, err := plan.Encode(p.Plan)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("../../examples/plugin-pocket/expected.plan")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\n%s", err, got)
	}
}

// evil is a program that leaves a mark when it runs.
func evil(t *testing.T) (exe []byte, ran func() bool) {
	t.Helper()
	marker := filepath.Join(t.TempDir(), "ran")
	src := t.TempDir()
	put(t, filepath.Join(src, "go.mod"), []byte("module evil\n\ngo 1.26\n"), 0o644)
	put(t, filepath.Join(src, "main.go"), []byte("package main\n\nimport \"os\"\n\nfunc main() { os.WriteFile("+fmt.Sprintf("%q", marker)+", nil, 0o644) }\n"), 0o644)
	exe, err := build(src)
	if err != nil {
		t.Fatal(err)
	}
	return exe, func() bool { _, err := os.Stat(marker); return err == nil }
}

// Whatever is wrong, the plugin does not run, and the message says what.
func TestPluginIsRefused(t *testing.T) {
	bad, ran := evil(t)
	for _, tt := range []struct {
		name string
		do   func(m *machine)
		exit int
		code string
		says string // after {exe} and {lock} are filled in
	}{
		{"no lock file", func(m *machine) { m.install("0.1.0", bad) },
			64, "plugin-unlocked", `plugin "pocket" from example.com/lab/pocket: there is no {lock}; an external plugin runs only when its SHA-256 is pinned`},
		{"no entry", func(m *machine) { m.install("0.1.0", bad); put(m.t, m.lock(), []byte("# nothing\n"), 0o644) },
			64, "plugin-unlocked", `{lock} has no entry of it`},
		{"changed", func(m *machine) { m.install("0.1.0", bad); m.pin("0.1.0", m.platform(), m.good) },
			6, "plugin-changed", `with SHA-256 ` + sum(bad) + `, wanted `},
		{"platform", func(m *machine) { m.install("0.1.0", bad); m.pin("0.1.0", "plan9_mips", bad) },
			64, "plugin-platform", `plugin "pocket" 0.1.0 is pinned for plan9_mips, and this is ` + runtime.GOOS + `_` + runtime.GOARCH},
		{"version", func(m *machine) { m.install("1.0.0", bad); m.pin("1.0.0", m.platform(), bad) },
			64, "lock-stale", `the spec requires "~> 0.1", {lock} pins 1.0.0; run loraconv init -upgrade`},
		{"absent", func(m *machine) { m.pin("0.1.0", m.platform(), bad) },
			6, "plugin-absent", `plugin "pocket" 0.1.0 is at none of these places, and nothing else is searched:`},
		{"beside the spec, in the working directory and on the path", func(m *machine) {
			m.pin("0.1.0", m.platform(), bad)
			dir := filepath.Dir(m.spec)
			for _, place := range []string{dir, filepath.Join(dir, "plugins"), filepath.Join(dir, ".loraconv", "plugins")} {
				put(m.t, m.path(place, "0.1.0"), bad, 0o755)
			}
			put(m.t, filepath.Join(dir, "loraconv-plugin-pocket"), bad, 0o755)
			m.t.Chdir(dir)
			m.t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
			m.t.Setenv("XDG_DATA_HOME", ".") // not absolute: does not count
		}, 6, "plugin-absent", `nothing else is searched:`},
		{"a relative place", func(m *machine) { m.pin("0.1.0", m.platform(), bad); m.t.Setenv("LORACONV_PLUGINS_DIR", "plugins") },
			64, "plugin-places", `LORACONV_PLUGINS_DIR="plugins": wanted an absolute path`},
		{"others may write", func(m *machine) {
			p := m.install("0.1.0", bad)
			m.pin("0.1.0", m.platform(), bad)
			if err := os.Chmod(filepath.Dir(p), 0o777); err != nil {
				m.t.Fatal(err)
			}
		}, 6, "plugin-exposed", `may be changed by others (mode 0777); chmod go-w`},
		{"a link", func(m *machine) {
			p := m.install("0.1.0", bad)
			m.pin("0.1.0", m.platform(), bad)
			if err := errors.Join(os.Rename(p, p+".x"), os.Symlink(p+".x", p)); err != nil {
				m.t.Fatal(err)
			}
		}, 6, "plugin-exposed", `"{exe}" is a symbolic link`},
		{"a broken lock file", func(m *machine) {
			m.install("0.1.0", bad)
			put(m.t, m.lock(), []byte("plugin \"example.com/lab/pocket\" {\n  version = \"x\"\n}\n"), 0o644)
		}, 64, "lock-invalid", `{lock}:2: "x" is not a version such as "0.1.0"`},
		{"no source", func(m *machine) { m.edit(`source  = "example.com/lab/pocket"`, "") },
			64, "plugin-source", `required_plugins must say where it comes from: pocket = { source = "example.com/lab/pocket", version = "~> 1.0" }`},
		{"a source that climbs", func(m *machine) { m.edit("example.com/lab/pocket", "../../pocket") },
			64, "plugin-source", `"../../pocket" is not a source`},
		{"not required", func(m *machine) { m.edit("    pocket = {", "    packet = {") },
			64, "unknown-plugin", `"pocket" is neither bundled (bundled: maxtext, openpi) nor named in required_plugins. Did you mean "packet"?`},
		{"not what the bundled one is", func(m *machine) {
			m.edit("    pocket = {", "    openpi = {")
			m.edit(`source "pocket"`, `source "openpi"`)
			m.edit("source.pocket", "source.openpi")
		}, 64, "plugin-unlocked", `plugin "openpi" from example.com/lab/pocket`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := newMachine(t)
			m.t = t
			tt.do(m)
			says := strings.NewReplacer("{exe}", m.path(m.place, "0.1.0"), "{lock}", m.lock()).Replace(tt.says)
			for _, verb := range []string{"run", "plan", "validate"} {
				exit := tt.exit
				if verb == "validate" {
					exit = 64 // whatever is wrong with a spec
				}
				said := m.fails(exit, tt.code, verb, m.spec)
				if !strings.Contains(unwrapped(said), unwrapped(says)) {
					t.Errorf("%s does not say %s:\n%s", verb, says, said)
				}
			}
			if ran() {
				t.Fatal("it ran")
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(m.spec), "out")); err == nil {
				t.Error("something was published")
			}
		})
	}
}

// edit changes the spec.
func (m *machine) edit(old, text string) {
	m.t.Helper()
	b, err := os.ReadFile(m.spec)
	if err != nil || !strings.Contains(string(b), old) {
		m.t.Fatal(old, err)
	}
	put(m.t, m.spec, []byte(strings.ReplaceAll(string(b), old, text)), 0o644)
}

func unwrapped(s string) string { return strings.Join(strings.Fields(s), " ") }

// What a plugin says when it runs must fit, too.
func TestPluginThatDoesNotFit(t *testing.T) {
	m := newMachine(t)
	other := []byte("#!/bin/sh\necho '1|2|unix|/nowhere|grpc|'\nsleep 60\n")
	m.install("0.1.0", other)
	if said := m.fails(6, "plugin-protocol", "init", m.spec); !strings.Contains(unwrapped(said), "it speaks version 2, this loraconv speaks 1") {
		t.Error(said)
	}
	if _, err := os.Stat(m.lock()); err == nil {
		t.Error("it was pinned")
	}
	m.pin("0.1.0", m.platform(), other)
	m.fails(6, "plugin-protocol", "run", m.spec)

	m.install("0.2.0", m.good) // which says that it is 0.1.0
	os.Remove(m.lock())
	if said := m.fails(6, "plugin-lied", "init", m.spec); !strings.Contains(unwrapped(said), "lies where version 0.2.0 belongs, and says that it is 0.1.0") {
		t.Error(said)
	}
	m.pin("0.2.0", m.platform(), m.good)
	m.fails(6, "plugin-lied", "run", m.spec)
}

// The file is exchanged all the time, by another process, for one that leaves
// a mark: each of 300 starts runs the pinned bytes or refuses.
func TestPluginSwap(t *testing.T) {
	bad, ran := evil(t)
	m := newMachine(t)
	exe := m.install("0.1.0", m.good)
	m.ok("init", m.spec)
	dir := filepath.Dir(exe)
	put(t, filepath.Join(dir, "good"), m.good, 0o755)
	put(t, filepath.Join(dir, "evil"), bad, 0o755)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	swapper := exec.Command(self)
	swapper.Env = []string{swapEnv + "=" + exe}
	if err := swapper.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { swapper.Process.Kill(); swapper.Wait() })

	began := time.Now()
	started, refused := 0, 0
	for range 300 {
		s := session.New(session.Options{Version: version, Bundled: bundled})
		about, ds := s.About(context.Background(), "pocket", m.spec)
		s.Close()
		var d *diag.Diagnostic
		switch {
		case len(ds) == 0 && about.Name == "pocket" && about.Version == "0.1.0":
			started++
		case errors.As(ds.Err(), &d) && d.Code == "plugin-changed" && strings.Contains(d.Detail, sum(bad)):
			refused++
		default:
			t.Fatalf("neither started nor refused: %v", ds)
		}
	}
	if ran() {
		t.Error("bytes ran that are not pinned")
	}
	if started == 0 || refused == 0 {
		t.Errorf("%d starts and %d refusals: the exchange was not met", started, refused)
	}
	t.Logf("%d starts, %d refusals in %v", started, refused, time.Since(began))
}

// swapEnv makes the test binary exchange a file for its neighbours good and
// evil until it is killed.
const swapEnv = "LORACONV_TEST_SWAP"

func swap(exe string) {
	dir := filepath.Dir(exe)
	for i := 0; ; i++ {
		next := filepath.Join(dir, []string{"good", "evil"}[i%2])
		tmp := filepath.Join(dir, "next")
		if os.Link(next, tmp) != nil || os.Rename(tmp, exe) != nil {
			os.Exit(1)
		}
		time.Sleep(time.Millisecond)
	}
}

// A lock file that one machine made serves others, and what it pins can be
// carried to a machine without a network.
func TestLockPlatformsAndMirror(t *testing.T) {
	m := newMachine(t)
	m.install("0.1.0", m.good)
	m.ok("init", m.spec)
	arm := strings.Repeat("ab", 32)
	said := m.ok("plugins", "lock", pocketSource, "plan9_mips=sha256:"+arm, "-spec", m.spec)
	if !strings.Contains(said, "added plan9_mips; pinned for "+m.platform()+", plan9_mips") {
		t.Error(said)
	}
	before, err := os.ReadFile(m.lock())
	if err != nil || !strings.Contains(string(before), arm) {
		t.Fatalf("%v\n%s", err, before)
	}
	m.fails(64, "lock-stale", "plugins", "lock", pocketSource, "plan9_mips=sha256:"+strings.Repeat("cd", 32), "-spec", m.spec)
	m.fails(64, "plugin-platform", "plugins", "lock", pocketSource, "darwin_arm64="+m.path(m.place, "0.1.0"), "-spec", m.spec)
	m.fails(64, "plugin-unlocked", "plugins", "lock", "example.com/lab/packet", "darwin_arm64=sha256:"+arm, "-spec", m.spec)
	if after, err := os.ReadFile(m.lock()); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the lock file changed: %v\n%s", err, after)
	}

	to := filepath.Join(t.TempDir(), "mirror")
	if said := m.ok("plugins", "mirror", to, "-spec", m.spec); !strings.Contains(said, "plan9_mips: not copied") {
		t.Error(said)
	}
	t.Setenv("HOME", t.TempDir()) // another machine
	m.fails(6, "plugin-absent", "plan", m.spec)
	t.Setenv("LORACONV_PLUGINS_DIR", to)
	m.ok("plan", m.spec)
}

// init keeps what is pinned until it is told otherwise, and takes what is
// bundled where that fits.
func TestInitUpgrade(t *testing.T) {
	newer, err := build("../../examples/plugin-pocket", "-ldflags", "-X main.version=0.1.1")
	if err != nil {
		t.Fatal(err)
	}
	m := newMachine(t)
	m.install("0.1.0", m.good)
	m.ok("init", m.spec)
	m.ok("plugins", "lock", pocketSource, "plan9_mips=sha256:"+strings.Repeat("ab", 32), "-spec", m.spec)
	m.install("0.1.1", newer)
	if said := m.ok("init", m.spec); !strings.Contains(said, "0.1.0 pinned already") {
		t.Error(said)
	}
	if said := m.ok("init", "-upgrade", m.spec); !strings.Contains(said, "0.1.1 pinned in place of 0.1.0, for "+m.platform()+"\n") || !strings.Contains(said, "no longer pinned for plan9_mips") {
		t.Error(said)
	}
	m.edit(`"~> 0.1"`, `"0.1.0"`)
	m.fails(64, "lock-stale", "plan", m.spec)
	m.fails(10, "lock-stale", "init", "-check", m.spec)
	if said := m.ok("init", m.spec); !strings.Contains(said, "0.1.0 pinned in place of 0.1.1") {
		t.Error(said)
	}

	m.edit("    pocket = {", "    openpi = {")
	m.edit(`"example.com/lab/pocket"`, `"loraconv/openpi"`)
	if said := m.ok("init", m.spec); !strings.Contains(said, "openpi: bundled, needs no entry") {
		t.Error(said)
	}
}

// readFloats reads a safetensors file of float32 and bfloat16 tensors.
func readFloats(t *testing.T, name string) map[string][]float64 {
	t.Helper()
	out := map[string][]float64{}
	for k, x := range readOracle(t, name) {
		if x.DType == "BF16" {
			for i := 0; i < len(x.data); i += 2 {
				out[k] = append(out[k], fromBF16(binary.LittleEndian.Uint16(x.data[i:])))
			}
			continue
		}
		for _, f := range x.float32s() {
			out[k] = append(out[k], float64(f))
		}
	}
	return out
}
