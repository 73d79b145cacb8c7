package lock

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/version"
)

// Name is the lock file's name, beside the spec.
const Name = ".loraconv.lock.hcl"

// File is the content of a lock file.
type File struct {
	// Comment is the lines at the top, each with its mark. Nil is replaced by
	// Header when the file is written.
	Comment []string
	Plugins []Plugin // by source; no source twice
}

// Plugin pins one external plugin.
type Plugin struct {
	Source      string          // as required_plugins names it, such as "example.com/lab/pocket"
	Version     version.Version // the one that is pinned
	Constraints string          // what the spec asked for when it was pinned; "" if nothing
	Protocol    int             // version of the plugin protocol that it spoke
	SHA256      map[string]string
}

// Header is the comment of a file that init makes.
var Header = []string{
	"# Pins the external plugins that the specs in this directory require, by the",
	"# SHA-256 of each platform's executable. Written by \"loraconv init\" and",
	"# \"loraconv plugins lock\"; commit it. Only comments at the top are kept.",
}

// Find returns the entry of a source, or nil.
func (f *File) Find(source string) *Plugin {
	for i := range f.Plugins {
		if f.Plugins[i].Source == source {
			return &f.Plugins[i]
		}
	}
	return nil
}

// Put adds the entry of a source, or replaces it.
func (f *File) Put(p Plugin) {
	if old := f.Find(p.Source); old != nil {
		*old = p
		return
	}
	f.Plugins = append(f.Plugins, p)
	f.sort()
}

func (f *File) sort() {
	slices.SortFunc(f.Plugins, func(a, b Plugin) int { return strings.Compare(a.Source, b.Source) })
}

// Platforms lists the platforms that have a digest, in order.
func (p *Plugin) Platforms() []string { return slices.Sorted(maps.Keys(p.SHA256)) }

var (
	sourceName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}(/[A-Za-z0-9][A-Za-z0-9._-]{0,63}){1,7}$`)
	platform   = regexp.MustCompile(`^[a-z0-9]{1,16}_[a-z0-9]{1,16}$`)
	digest     = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// CheckSource refuses what is not a plugin's source: two to eight names joined
// by "/", such as "example.com/lab/pocket". A source becomes a path.
func CheckSource(s string) error {
	if !sourceName.MatchString(s) {
		return fmt.Errorf("%q is not a source: wanted names joined by /, such as \"example.com/lab/pocket\"", clip(s))
	}
	return nil
}

// CheckPlatform refuses what is not a platform such as "linux_amd64".
func CheckPlatform(s string) error {
	if !platform.MatchString(s) {
		return fmt.Errorf("%q is not a platform such as \"linux_amd64\"", clip(s))
	}
	return nil
}

// CheckDigest refuses what is not a SHA-256 in lower-case hex.
func CheckDigest(s string) error {
	if !digest.MatchString(s) {
		return fmt.Errorf("%q is not a SHA-256: wanted 64 digits of lower-case hex", clip(s))
	}
	return nil
}

// check says what is wrong with an entry.
func (p *Plugin) check() error {
	if err := CheckSource(p.Source); err != nil {
		return err
	}
	if p.Version == (version.Version{}) {
		return fmt.Errorf("plugin %q has no version", p.Source)
	}
	if p.Constraints != "" {
		c, err := version.ParseConstraint(p.Constraints)
		if err != nil {
			return fmt.Errorf("plugin %q: %w", p.Source, err)
		}
		if !c.Allows(p.Version) {
			return fmt.Errorf("plugin %q: version %s is not what its constraints %q allow", p.Source, p.Version, p.Constraints)
		}
	}
	if p.Protocol < 1 || p.Protocol > maxProtocol {
		return fmt.Errorf("plugin %q has protocol %d, wanted 1 to %d", p.Source, p.Protocol, maxProtocol)
	}
	if len(p.SHA256) == 0 {
		return fmt.Errorf("plugin %q has no digest for any platform", p.Source)
	}
	for _, name := range p.Platforms() {
		if err := CheckPlatform(name); err != nil {
			return fmt.Errorf("plugin %q: %w", p.Source, err)
		}
		if err := CheckDigest(p.SHA256[name]); err != nil {
			return fmt.Errorf("plugin %q: %s: %w", p.Source, name, err)
		}
	}
	return nil
}

func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
