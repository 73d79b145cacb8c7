package installed

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/loraconv/loraconv/core/version"
)

// PlacesVariable names an absolute directory that is looked at first, such as
// a mirror on a shared file system.
const PlacesVariable = "LORACONV_PLUGINS_DIR"

// Places lists the directories below which plugins may lie, in order:
//
//	$LORACONV_PLUGINS_DIR
//	$XDG_DATA_HOME/loraconv/plugins, or ~/.local/share/loraconv/plugins;
//	  on Windows %LOCALAPPDATA%\loraconv\plugins
//	/usr/local/lib/loraconv/plugins and /usr/lib/loraconv/plugins;
//	  on Windows %ProgramFiles%\loraconv\plugins
//
// A relative $LORACONV_PLUGINS_DIR is an error: it would mean the working
// directory. Other variables that are not absolute count as not set, as the
// XDG base directory specification wants.
func Places(getenv func(string) (string, bool)) ([]string, error) {
	var out []string
	absolute := func(name string) string {
		if v, ok := getenv(name); ok && filepath.IsAbs(v) {
			return v
		}
		return ""
	}
	if v, ok := getenv(PlacesVariable); ok && v != "" {
		if !filepath.IsAbs(v) {
			return nil, fmt.Errorf("%s=%q: wanted an absolute path", PlacesVariable, v)
		}
		out = append(out, filepath.Clean(v))
	}
	if runtime.GOOS == "windows" {
		for _, name := range []string{"LOCALAPPDATA", "ProgramFiles"} {
			if v := absolute(name); v != "" {
				out = append(out, filepath.Join(v, "loraconv", "plugins"))
			}
		}
		return out, nil
	}
	if v := absolute("XDG_DATA_HOME"); v != "" {
		out = append(out, filepath.Join(v, "loraconv", "plugins"))
	} else if v := absolute("HOME"); v != "" {
		out = append(out, filepath.Join(v, ".local", "share", "loraconv", "plugins"))
	}
	return append(out, "/usr/local/lib/loraconv/plugins", "/usr/lib/loraconv/plugins"), nil
}

// Platform is this machine's, as lock files name it.
func Platform() string { return runtime.GOOS + "_" + runtime.GOARCH }

// prefix begins the name of every plugin's executable.
const prefix = "loraconv-plugin-"

// Plugin is an executable, by where it lies.
type Plugin struct {
	Place    string // one of Places
	Source   string
	Version  version.Version
	Platform string
	Name     string // what follows loraconv-plugin- in its file's name
}

// Path is where the executable lies or would lie.
func (p *Plugin) Path() string { return p.PathOf(p.Version.String()) }

// PathOf is Path with other text for the version, for messages.
func (p *Plugin) PathOf(version string) string {
	file := prefix + p.Name
	if strings.HasPrefix(p.Platform, "windows_") {
		file += ".exe"
	}
	return filepath.Join(p.Place, filepath.FromSlash(p.Source), version, p.Platform, file)
}
