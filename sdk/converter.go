package sdk

import (
	"context"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
)

// Protocol is the version of the protocol between loraconv and its plugins.
const Protocol = 1

// Converter is a plugin. Both methods must be pure: the same request gives
// the same response. An error is a fault of the plugin itself; what is wrong
// with a spec or a checkpoint is said in PlanResponse.Diagnostics.
type Converter interface {
	Describe(context.Context, DescribeRequest) (*DescribeResponse, error)
	Plan(context.Context, PlanRequest) (*PlanResponse, error)
}

// DescribeRequest asks a plugin about itself.
type DescribeRequest struct {
	HostVersion string `json:"host_version"`
}

// DescribeResponse is what a plugin says about itself.
type DescribeResponse struct {
	Name    string `json:"name"`    // the label of its source blocks, e.g. "openpi"
	Version string `json:"version"` // semantic version
	// Source is the schema of source "<name>" bodies, beyond the arguments that
	// every source has (path, step, drop).
	Source Schema `json:"source"`
	// Outputs maps an output format's label to the schema of its body, beyond
	// path.
	Outputs map[string]Schema `json:"outputs"`
	// Trees lists, in order of preference, the items of a step directory that
	// may hold the parameters; "." is the named directory itself. An element
	// may end in "/*".
	Trees []string `json:"trees"`
	// Methods lists what the plugin can do, of "merge", "base" and "adapter".
	Methods []string `json:"methods"`
	// Rules maps the name of each table of built-in rows to the whole table, in
	// the rule notation. A plugin whose rows differ from model to model has
	// several.
	Rules map[string]string `json:"rules"`
}

// Source is one source of a conversion.
type Source struct {
	Name   string         `json:"name"`   // the block's second label; Source.From in plans
	Role   string         `json:"role"`   // "source" or "adapter"
	Weight float64        `json:"weight"` // of an adapter; 1 unless the spec says otherwise
	Args   map[string]any `json:"args"`   // the body, decoded by the schema; absent optional arguments are absent here
	// Drops are the spec's own, already applied: parameters they match are not
	// in Manifest, and the host adds them to the plan.
	Manifest *manifest.Manifest `json:"manifest"`
	// Rows holds the rows that the spec adds, in the rule notation.
	Rows string `json:"rows,omitempty"`
}

// TargetRule is one rule block of a conversion: the first that matches an
// output tensor's name applies.
type TargetRule struct {
	Name       string   `json:"name"`
	Match      []string `json:"match,omitempty"` // globs
	MatchRegex string   `json:"match_regex,omitempty"`
	DType      string   `json:"dtype,omitempty"`
	Scale      *float64 `json:"scale,omitempty"`
	Merge      *bool    `json:"merge,omitempty"`
}

// Output is the output block of a conversion.
type Output struct {
	Format   string         `json:"format"`
	Args     map[string]any `json:"args"`
	Template *Template      `json:"template,omitempty"`
}

// Template is what the host read from the directory that an output names as
// its template.
type Template struct {
	Files  []string                `json:"files"`
	Config map[string]any          `json:"config,omitempty"`
	Names  []string                `json:"names,omitempty"`
	Shapes map[string]tensor.Shape `json:"shapes,omitempty"`
	DTypes map[string]string       `json:"dtypes,omitempty"`
}

// PlanRequest asks for a plan.
type PlanRequest struct {
	Conversion string       `json:"conversion"` // the block's label
	Method     string       `json:"method"`     // "merge", "base", "adapter", or "" for the default
	DType      string       `json:"dtype"`      // as in the spec, or "" for the default
	Sources    []Source     `json:"sources"`
	Output     Output       `json:"output"`
	Rules      []TargetRule `json:"rules,omitempty"`
}

// PlanResponse is a plan, or the reasons why there is none.
type PlanResponse struct {
	Plan        *plan.Plan `json:"-"` // travels in its canonical encoding
	Diagnostics diag.List  `json:"diagnostics,omitempty"`
	// RulesHit counts how many output tensors each TargetRule matched.
	RulesHit map[string]int `json:"rules_hit,omitempty"`
}
