package session

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/cmd/internal/installed"
	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/lock"
	"github.com/loraconv/loraconv/core/manifest"
)

// digestMark begins a digest that stands in the place of a file.
const digestMark = "sha256:"

// LockDir is the directory of the lock file of a spec or of a directory of
// specs.
func LockDir(path string) (string, error) {
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if st.IsDir() {
		return path, nil
	}
	return filepath.Dir(path), nil
}

// LockPlatforms adds digests of other platforms to an entry of the lock file
// in dir: files maps a platform to the executable for it, or to "sha256:" and
// the digest that its release publishes. The executables are read, not run. A
// digest that is there already stays; another one for the same platform is an
// error.
func LockPlatforms(dir, source string, files map[string]string) (e *lock.Plugin, added []string, ds diag.List) {
	l, d := readLock(dir)
	if d != nil {
		return nil, nil, diag.List{d}
	}
	if e = l.Find(source); e == nil {
		var have []string
		for _, p := range l.Plugins {
			have = append(have, p.Source)
		}
		hint := ""
		if s := manifest.Suggest(source, have); s != "" {
			hint = fmt.Sprintf("; did you mean %q?", s)
		}
		ds.Errorf(diag.Usage, "plugin-unlocked", "The lock file has no such plugin", "%s has no entry of %q%s; loraconv init makes one, on a machine where the plugin is installed", l.path, source, hint)
		return nil, nil, ds
	}
	for _, platform := range slices.Sorted(maps.Keys(files)) {
		sum, err := platformDigest(platform, files[platform])
		if err != nil {
			ds.Errorf(diag.Usage, "plugin-platform", "A platform cannot be pinned", "%s: %v", platform, err)
			continue
		}
		switch old := e.SHA256[platform]; old {
		case sum:
		case "":
			e.SHA256[platform] = sum
			added = append(added, platform)
		default:
			ds.Errorf(diag.Usage, "lock-stale", "The lock file pins other bytes for that platform",
				"%s pins %s %s for %s by SHA-256 %s, the one given has %s; if the release was built anew, take the line out and look at what changed", l.path, source, e.Version, platform, old, sum)
		}
	}
	if ds.HasErrors() || len(added) == 0 {
		return e, nil, ds
	}
	if err := l.Write(dir); err != nil {
		ds.Errorf(diag.Output, "output-failed", "The lock file cannot be written", "%v", err)
		return nil, nil, ds
	}
	return e, added, ds
}

func platformDigest(platform, file string) (string, error) {
	if err := lock.CheckPlatform(platform); err != nil {
		return "", err
	}
	if sum, ok := strings.CutPrefix(file, digestMark); ok {
		return sum, lock.CheckDigest(sum)
	}
	sum, err := installed.Digest(file)
	if err != nil {
		return "", err
	}
	if built := installed.BuiltFor(file); !fits(platform, built) {
		return "", fmt.Errorf("%q was built for %s", file, strings.TrimPrefix(built, "_"))
	}
	return sum, nil
}

// fits compares a platform with what installed.BuiltFor says.
func fits(platform, built string) bool {
	if strings.HasPrefix(built, "_") {
		return strings.HasSuffix(platform, built) && !strings.HasPrefix(platform, "darwin_") && !strings.HasPrefix(platform, "windows_")
	}
	return built == "" || platform == built
}
