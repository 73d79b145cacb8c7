package maxtext

import "github.com/loraconv/loraconv/sdk"

var sourceSchema = sdk.Schema{
	Attributes: []sdk.Attribute{
		{Name: "model", Type: "string", Doc: "MaxText's model_name, such as \"llama3.1-8b\". Not needed where the template's config.json says the family."},
		{Name: "kind", Type: "string", Enum: []string{"base", "lora", "both"}, Doc: "What the checkpoint must hold; an error if it does not."},
		{Name: "scan_layers", Type: "bool", Doc: "Whether layers are stacked. The names say it; an error if they say otherwise."},
		{Name: "param_scan_axis", Type: "number", Doc: "The axis along which layers are stacked; 1 unless the shapes say 0."},
		{Name: "embedding_scale", Type: "number", Doc: "Gemma alone: what the importer multiplied the embedding by, which is divided out again; the importer's square root of the width unless said."},
		{Name: "norm_offset", Type: "number", Doc: "Gemma 4 alone: what is to be taken off every norm again; 0, as the importer adds nothing, unless said."},
		{Name: "query_scale", Type: "number", Doc: "Gemma 2 alone: what the query is multiplied by; the square root of the head dimension unless said."},
	},
	Blocks: []sdk.Block{{
		Name: "lora", Max: 1, Doc: "How the runtime scales the adapter of this checkpoint.",
		Schema: sdk.Schema{
			Attributes: []sdk.Attribute{
				{Name: "alpha", Type: "number", Doc: "lora_alpha. MaxText's own saves hold it, Tunix's do not."},
				{Name: "rank", Type: "number", Doc: "lora_rank; an error if the shapes say otherwise."},
			},
			Blocks: []sdk.Block{{Name: "rule", Labels: []string{"name"}, Rows: true, Doc: "A row that adds to the built-in ones or replaces the one of its name."}},
		},
	}},
}

var outputSchema = sdk.Schema{
	Attributes: []sdk.Attribute{
		{Name: "template", Type: "string", Path: true, Enum: []string{"none"}, Doc: `A local copy of the base model's repository: config and tokenizer are copied from it, and its tensor names must be met. "none" writes weights alone.`},
		{Name: "max_shard_size", Type: "string", Doc: `The most bytes of tensors in one file, such as "5GB", which is the default.`},
		{Name: "card", Type: "bool", Doc: "Whether README.md is written: a model card with the spec, versions and digests. True unless the template is \"none\"."},
		{Name: "absent", Type: "list(string)", Doc: "Globs over the template's tensor names that this checkpoint does not have, such as a vision tower."},
	},
}
