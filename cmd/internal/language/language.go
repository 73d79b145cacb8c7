// Package language describes the spec language as data: which blocks and
// arguments there are, of which types, and what each is for. Editors get it as
// a JSON schema. What core/spec reads is the law; a test holds this table
// against it.
package language

import "github.com/loraconv/loraconv/sdk"

// reference is a type that plugins do not have: the name of a source.
const reference = "reference"

// spec is the whole language but for the bodies that plugins describe.
var spec = sdk.Schema{Blocks: []sdk.Block{
	{Name: "loraconv", Doc: "What the spec needs of loraconv and of plugins.", Schema: sdk.Schema{
		Attributes: []sdk.Attribute{{Name: "required_version", Type: "string", Doc: "A constraint on loraconv's version, such as \"~> 0.1\"."}},
		Blocks: []sdk.Block{{Name: "required_plugins", Doc: "NAME = { source, version } for each plugin that is not bundled.", Schema: sdk.Schema{
			Attributes: []sdk.Attribute{{Name: anyName, Type: "map(string)", Doc: "source and version of a plugin."}},
		}}},
	}},
	{Name: "variable", Labels: []string{"name"}, Doc: "A value from outside: -var, -var-file, *.auto.vars.hcl, LORACONV_VAR_name.", Schema: sdk.Schema{
		Attributes: []sdk.Attribute{
			{Name: "type", Type: "string", Doc: "A type: string, number, bool, list(string), object({...})."},
			{Name: "default", Type: "any", Doc: "The value where none is given."},
			{Name: "description", Type: "string", Doc: "What it is for."},
			{Name: "sensitive", Type: "bool", Doc: "Whether its value is never printed."},
		},
		Blocks: []sdk.Block{{Name: "validation", Doc: "What a value must meet.", Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{Name: "condition", Type: "bool", Required: true, Doc: "An expression that is true for good values."},
			{Name: "error_message", Type: "string", Required: true, Doc: "What to say of others."},
		}}}},
	}},
	{Name: "locals", Doc: "Values with names, for use as local.NAME.", Schema: sdk.Schema{
		Attributes: []sdk.Attribute{{Name: anyName, Type: "any", Doc: "A value."}},
	}},
	{Name: "source", Labels: []string{"plugin", "name"}, Doc: "A checkpoint.", Schema: source},
	{Name: "conversion", Labels: []string{"name"}, Doc: "What to make of a source.", Schema: conversion},
	{Name: "execution", Labels: []string{"engine"}, Doc: "Where to run; not supported yet.", Schema: sdk.Schema{
		Attributes: []sdk.Attribute{{Name: anyName, Type: "any", Doc: "Passed over."}},
	}},
}}

// source is what every source has, whatever its plugin.
var source = sdk.Schema{
	Attributes: []sdk.Attribute{
		{Name: "for_each", Type: "any", Doc: "A map or a set of strings: one source for each."},
		{Name: "path", Type: "string", Required: true, Doc: "The checkpoint, a run or one of its steps; relative to the spec's directory."},
		{Name: "step", Type: "number", Doc: "Of a run: the step to take; default the latest finished one."},
	},
	Blocks: []sdk.Block{{Name: "drop", Labels: []string{"name"}, Doc: "Parameters that are left out.", Schema: sdk.Schema{Attributes: []sdk.Attribute{
		{Name: "match", Type: "list(string)", Required: true, Doc: "Globs over the source's parameters: * within one component, ** across."},
		{Name: "reason", Type: "string", Required: true, Doc: "Why; it stands in the plan and in the receipt."},
	}}}},
}

var conversion = sdk.Schema{
	Attributes: []sdk.Attribute{
		{Name: "for_each", Type: "any", Doc: "A map or a set of strings: one conversion for each."},
		{Name: "method", Type: "string", Enum: []string{"merge", "base", "adapter"}, Doc: "Default: merge where there is an adapter, else base."},
		{Name: "source", Type: reference, Required: true, Doc: "The base: source.PLUGIN.NAME."},
		{Name: "adapters", Type: "list(" + reference + ")", Doc: "Checkpoints that hold LoRA factors alone; an element may be { source, weight }."},
		{Name: "dtype", Type: "string", Enum: []string{"float32", "bfloat16", "float16", "mixed", "source"}, Doc: "Element type of the output. Default: float32 where a LoRA is merged, else as stored."},
		{Name: "allow_nonfinite", Type: "list(string)", Doc: "Globs over output tensors that may hold NaN or infinities."},
		{Name: "missing_chunks", Type: "string", Enum: []string{"fill"}, Doc: "Accepts chunks that were never written."},
	},
	Blocks: []sdk.Block{
		{Name: "rule", Labels: []string{"name"}, Doc: "How output tensors of some names are treated; the first that matches applies.", Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{Name: "match", Type: "list(string)", Doc: "Globs over output tensors."},
			{Name: "match_regex", Type: "string", Doc: "RE2, in place of match."},
			{Name: "dtype", Type: "string", Enum: []string{"float32", "bfloat16", "float16", "source"}, Doc: "Element type."},
			{Name: "scale", Type: "number", Doc: "A factor on the LoRA."},
			{Name: "merge", Type: "bool", Doc: "false leaves the LoRA out."},
		}}},
		{Name: "compute", Max: 1, Doc: "What the run may use; no byte of the output depends on it.", Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{Name: "memory", Type: "string", Doc: "Peak resident memory of all processes, such as \"1GiB\"; at least 128MiB."},
			{Name: "workers", Type: "number", Doc: "Goroutines that decode and compute."},
		}}},
		{Name: "output", Labels: []string{"format"}, Doc: "The files to write: exactly one block.", Schema: output},
		{Name: "check", Labels: []string{"kind"}, Doc: "A measurement that is judged before publishing."},
		{Name: "expect", Labels: []string{"name"}, Doc: "A condition over result that is judged before publishing.", Schema: sdk.Schema{Attributes: []sdk.Attribute{
			{Name: "condition", Type: "bool", Required: true, Doc: "An expression over result that is true for a good output."},
			{Name: "error_message", Type: "string", Required: true, Doc: "What to say of another."},
		}}},
	},
}

// output is what every output has, whatever its format.
var output = sdk.Schema{Attributes: []sdk.Attribute{
	{Name: "path", Type: "string", Required: true, Doc: "The directory to publish; relative to the spec's directory."},
}}

// checks are the bodies of check blocks, by kind.
var checks = map[string]sdk.Schema{
	"drift": {Attributes: []sdk.Attribute{
		{Name: "max_abs", Type: "number", Doc: "Largest |written - exact| of any tensor, exact being the result before rounding."},
		{Name: "min_retention", Type: "number", Doc: "Least part of LoRA's change that rounding leaves, 0 to 1."},
		{Name: "match", Type: "list(string)", Doc: "Globs over the tensors that are judged; default all."},
		onBreach,
	}},
	"reference": {Attributes: []sdk.Attribute{
		{Name: "path", Type: "string", Required: true, Doc: "A known-good export to compare with."},
		{Name: "max_abs", Type: "number", Doc: "Largest absolute difference; with neither bound, bits must be equal."},
		{Name: "rtol", Type: "number", Doc: "Largest difference as a part of the reference's value."},
		{Name: "match", Type: "list(string)", Doc: "Globs over the tensors that are compared; default all."},
		onBreach,
	}},
	"roundtrip": {Attributes: []sdk.Attribute{
		{Name: "max_abs", Type: "number", Doc: "Largest absolute difference of what is read back."},
		{Name: "rtol", Type: "number", Doc: "The same, as a part of the value."},
		onBreach,
	}},
	"files": {Attributes: []sdk.Attribute{
		{Name: "require", Type: "list(string)", Doc: "Globs that must each hit a file of the output."},
		{Name: "forbid", Type: "list(string)", Doc: "Globs that must hit none."},
		onBreach,
	}},
}

var onBreach = sdk.Attribute{Name: "on_breach", Type: "string", Enum: []string{"fail", "warn"}, Doc: "What a breach does; default fail."}

// anyName stands for arguments of any name.
const anyName = "*"
