// Package version compares the versions of plugins and of loraconv itself, and
// reads the constraints that a spec puts on them.
//
// Versions are semantic (semver.org, 2.0.0). Constraints are those of
// Terraform and Packer: ">= 0.1.0, < 1.0.0", "~> 0.1". It is vocabulary: no
// file and no clock. core/spec, core/lock and cmd import it.
package version

import (
	"fmt"
	"strings"

	"golang.org/x/mod/semver"
)

// maxText bounds what is read, in bytes.
const maxText = 256

// Version is a semantic version. The zero value is none.
type Version struct{ v string } // with a v in front, as package semver wants it

// Parse reads MAJOR.MINOR.PATCH with an optional prerelease and build.
func Parse(s string) (Version, error) {
	v := "v" + s
	if len(s) > maxText || !semver.IsValid(v) || strings.Count(core(v), ".") != 2 {
		return Version{}, fmt.Errorf("%q is not a version such as \"0.1.0\"", clip(s))
	}
	return Version{v}, nil
}

// String returns the version as it was parsed.
func (v Version) String() string { return strings.TrimPrefix(v.v, "v") }

// Compare is negative where v comes before w, and 0 where they differ in their
// builds alone.
func (v Version) Compare(w Version) int { return semver.Compare(v.v, w.v) }

// Release is the version without prerelease and build.
func (v Version) Release() Version { return Version{core(v.v)} }

// IsPrerelease reports whether the version comes before its release.
func (v Version) IsPrerelease() bool { return semver.Prerelease(v.v) != "" }

// core is a version's numbers alone.
func core(v string) string {
	v, _, _ = strings.Cut(v, "+")
	v, _, _ = strings.Cut(v, "-")
	return v
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}
