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
// the same response, diagnostics and their order included; a plan's digest
// rests on that. They may be called from several goroutines at once. An error is
// a fault of the plugin itself; what is wrong with a spec or a checkpoint is
// said in PlanResponse.Diagnostics, all of it at once.
//
// The host waits 30 seconds for Describe and 10 minutes for Plan, then ends the
// process; the context ends with the call. A message has at most 64 MiB in
// either direction, a DescribeResponse 8 MiB, a plan 60 MiB.
type Converter interface {
	// Describe says what the plugin's blocks take. It is asked before any spec
	// is read with them.
	Describe(context.Context, DescribeRequest) (*DescribeResponse, error)
	// Plan says what a conversion computes, from names, shapes and types alone.
	Plan(context.Context, PlanRequest) (*PlanResponse, error)
}

// DescribeRequest asks a plugin about itself.
type DescribeRequest struct {
	HostVersion string `json:"host_version"` // loraconv's own, a semantic version
}

// DescribeResponse is what a plugin says about itself.
type DescribeResponse struct {
	// Name is the label of its source blocks and its name in required_plugins:
	// a letter or _, then at most 63 letters, digits, _ or -.
	Name    string `json:"name"`
	Version string `json:"version"` // semantic version, without a "v"
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
	// several. It is for people, who read it with `loraconv plugins rules`: a
	// text of at most 1 MiB.
	Rules map[string]string `json:"rules"`
}

// Source is one source of a conversion.
type Source struct {
	Name   string  `json:"name"`   // the block's second label; plan.Source.From in plans
	Role   string  `json:"role"`   // "source" or "adapter"; the first of a request is a "source"
	Weight float64 `json:"weight"` // factor of an adapter's scale; 1 unless the spec says otherwise
	// Args is the body, decoded and checked by the schema. Values are string,
	// bool, float64, []any and map[string]any, as JSON has them; optional
	// arguments that the spec leaves out are absent.
	Args map[string]any `json:"args"`
	// Manifest says which parameters there are, sorted by name. What the spec's
	// own drop blocks match is not among them: the host adds those to the plan.
	Manifest *manifest.Manifest `json:"manifest"`
	// Rows holds the rows that the spec adds, in the rule notation, for
	// rule.Parse and rule.Table.Merge.
	Rows string `json:"rows,omitempty"`
}

// TargetRule is one rule block of a conversion: the first that matches an
// output tensor's name applies.
type TargetRule struct {
	Name       string   `json:"name"`
	Match      []string `json:"match,omitempty"`       // globs over names, as package core/glob reads them; "." parts components
	MatchRegex string   `json:"match_regex,omitempty"` // a regular expression of package regexp; it may hit any part of the name
	DType      string   `json:"dtype,omitempty"`       // as PlanRequest.DType
	Scale      *float64 `json:"scale,omitempty"`       // further factor of the LoRA's scale
	Merge      *bool    `json:"merge,omitempty"`       // false leaves the LoRA out
}

// Output is the output block of a conversion.
type Output struct {
	Format   string         `json:"format"` // the block's label, one of DescribeResponse.Outputs
	Args     map[string]any `json:"args"`   // as Source.Args
	Template *Template      `json:"template,omitempty"`
}

// Template is what the host read from the directory that an output names as
// its template: the output's argument of that name, where the schema has one.
type Template struct {
	Files  []string       `json:"files"`            // at the top of the directory, for plan.File with From "template"
	Config map[string]any `json:"config,omitempty"` // config.json; numbers are float64
	// Names lists the template's tensors, from model.safetensors.index.json or
	// else its model*.safetensors, sorted. It is empty where there is neither.
	Names []string `json:"names,omitempty"`
	// Shapes and DTypes are by name, and empty where Names are an index's. Types
	// are called as in Python: "bfloat16".
	Shapes map[string]tensor.Shape `json:"shapes,omitempty"`
	DTypes map[string]string       `json:"dtypes,omitempty"`
}

// PlanRequest asks for a plan.
type PlanRequest struct {
	Conversion string       `json:"conversion"` // the block's label
	Method     string       `json:"method"`     // "merge", "base", "adapter", or "" for the default
	DType      string       `json:"dtype"`      // "float32", "bfloat16", "float16", "mixed", "source", or "" for the default
	Sources    []Source     `json:"sources"`    // the conversion's source, then its adapters in the spec's order
	Output     Output       `json:"output"`
	Rules      []TargetRule `json:"rules,omitempty"` // in the spec's order
}

// PlanResponse is a plan, or the reasons why there is none.
type PlanResponse struct {
	Plan *plan.Plan `json:"-"` // travels in its canonical encoding; left behind where a diagnostic is an error
	// Diagnostics are errors and warnings, of class diag.Usage (the spec),
	// diag.Keys (names and shapes), diag.Source, diag.Plugin or diag.Other; no
	// other class is a plugin's to use. Path names the place in the spec:
	// []string{"source", name, argument} or {"conversion", label, "output", …}.
	Diagnostics diag.List `json:"diagnostics,omitempty"`
	// RulesHit counts, by name, how many output tensors each TargetRule was the
	// first to match. The host warns of one that is 0.
	RulesHit map[string]int `json:"rules_hit,omitempty"`
}
