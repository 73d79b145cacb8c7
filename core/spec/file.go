package spec

import (
	"regexp"

	"github.com/hashicorp/hcl/v2"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
)

// File is a spec: one file, or all *.lc.hcl files of a directory. Its methods
// are for one goroutine at a time.
type File struct {
	Path  string   // as it was named
	Dir   string   // the directory that relative paths start from
	Files []string // files read, files of variables included

	RequiredVersion string // constraint on loraconv's version, or ""
	RequiredPlugins map[string]RequiredPlugin
	Variables       []Variable    // in the order of the spec
	Sources         []*Source     // in the order of the spec
	Conversions     []*Conversion // in the order of the spec
	Executions      []string      // engine labels

	l *loader
}

// RequiredPlugin is one entry of required_plugins.
type RequiredPlugin struct {
	Source  string // such as "loraconv/openpi"
	Version string // a constraint
	Range   diag.Range
}

// Variable is a declared input.
type Variable struct {
	Name        string
	Type        string // as written, or "any"
	Description string
	Required    bool // has no default
	Sensitive   bool
	// From says where its value came from: "default", "environment", "-var",
	// the name of a file, or "" when it has none.
	From  string
	Range diag.Range
}

// Source is one checkpoint.
type Source struct {
	Plugin string // first label
	Name   string // second label; with for_each `name["key"]`
	Path   string // relative paths are joined to File.Dir
	Step   *int64 // nil: not given
	Drops  []Drop
	Range  diag.Range
	// Unknown is set when Path depends on a variable without a value.
	Unknown bool

	block *sourceBlock
	each  *instance
}

// Drop removes parameters of a source by name, for a stated reason.
type Drop struct {
	Name   string
	Match  []string  // the patterns as written
	Globs  glob.List // over source parameters, separator "/"
	Reason string
	Range  diag.Range
}

// Conversion turns sources into one output.
type Conversion struct {
	Name     string  // the label; with for_each `name["key"]`
	Method   string  // "merge", "base", "adapter", or "" when not given
	DType    string  // "float32", "bfloat16", "float16", "mixed", "source", or ""
	Source   *Source // nil when it depends on a variable without a value
	Adapters []Adapter
	Rules    []Rule
	Compute  Compute
	Output   *Output
	Checks   []*Check
	Expects  []*Expect

	AllowNonFinite []string  // as written
	NonFiniteGlobs glob.List // over target tensors, separator "."
	FillMissing    bool      // missing_chunks = "fill"

	Range diag.Range
}

// Adapter is one element of a conversion's adapters.
type Adapter struct {
	Source *Source // nil when it depends on a variable without a value
	Weight float64 // 1 unless the spec says otherwise
	Range  diag.Range
}

// Rule says how target tensors of some names are treated; the first rule that
// matches a name applies.
type Rule struct {
	Name       string
	Match      []string       // globs as written; empty when MatchRegex is used
	Globs      glob.List      // over target tensors, separator "."
	MatchRegex string         // RE2; finds its match anywhere in the name
	Regex      *regexp.Regexp // nil unless MatchRegex is set
	DType      string         // "" when not given
	Scale      *float64
	Merge      *bool
	Range      diag.Range
}

// Matches reports whether the rule applies to a target tensor's name.
func (r *Rule) Matches(target string) bool {
	if r.Regex != nil {
		return r.Regex.MatchString(target)
	}
	return r.Globs.Match(target) != nil
}

// Compute bounds what a conversion may use.
type Compute struct {
	Memory  int64 // bytes; DefaultMemory when not given
	Workers int   // 0: not given
}

// Output is a conversion's output block.
type Output struct {
	Format string // the label
	Path   string // relative paths are joined to File.Dir
	Range  diag.Range
	// Unknown is set when Path depends on a variable without a value.
	Unknown bool

	conversion string // name in diagnostics' paths
	block      *hcl.Block
	each       *instance
}
