package inspect

import (
	"encoding/json"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
)

// Report is what inspect -json prints; its names are a contract.
type Report struct {
	Format   string           `json:"format"`         // "orbax", "safetensors" or "peft"
	Layout   []string         `json:"layout"`         // facts about the storage, for people
	Step     string           `json:"step,omitempty"` // of a run: the step's directory that a conversion would take
	Metadata json.RawMessage  `json:"metadata"`       // the step's own document, or an adapter_config.json; else null
	Guess    *Guess           `json:"guess"`          // null where no plugin knows the names
	Lora     *Lora            `json:"lora,omitempty"` // where a plugin tells its modules apart
	Pairs    []Pair           `json:"lora_pairs"`
	Warnings []string         `json:"warnings"`
	Files    []manifest.File  `json:"files"` // side files
	Trees    map[string]*Tree `json:"trees"` // by path inside the directory that was named; "." is that directory
}

// Guess is what a plugin takes a tree for.
type Guess struct {
	Plugin string `json:"plugin"`
	Model  string `json:"model"`
	From   string `json:"from"` // what it was guessed from
	Tree   string `json:"tree"`
}

// Lora is what a tree's LoRA covers.
type Lora struct {
	Tree      string   `json:"tree"`
	Modules   []Module `json:"modules"`
	Alpha     *float64 `json:"alpha"` // null where the checkpoint does not say it
	AlphaFrom string   `json:"alpha_from"`
}

// Module is a module with LoRA, in all its layers.
type Module struct {
	Name   string `json:"name"` // "*" stands for the number of a layer
	Layers int    `json:"layers"`
	Ranks  []int  `json:"ranks"` // distinct, ascending
}

// Tree is one tree of parameters.
type Tree struct {
	Layout   []string        `json:"layout"`
	Metadata json.RawMessage `json:"metadata,omitempty"` // where it is not the report's
	Tensors  []Tensor        `json:"tensors"`            // sorted by name
	Strings  []String        `json:"strings"`
}

// Tensor is one parameter.
type Tensor struct {
	Name    string       `json:"name"` // all components of the path, joined by "/"
	Path    []string     `json:"path"`
	DType   tensor.DType `json:"dtype"`
	Shape   tensor.Shape `json:"shape"`
	Bytes   int64        `json:"bytes"`             // decoded: bool and int4 take one byte each
	SHA256  string       `json:"sha256,omitempty"`  // of the values in C order, little-endian
	Chunks  int          `json:"chunks,omitempty"`  // stored pieces
	Missing int          `json:"missing,omitempty"` // of Chunks: never written; they read as the fill value
}

// String is a leaf that is text.
type String struct {
	Name  string   `json:"name"`
	Path  []string `json:"path"`
	Value string   `json:"value"`
}

// Pair is a pair of LoRA factors, as far as names and shapes tell.
type Pair struct {
	Tree   string       `json:"tree"`
	A      string       `json:"a"`
	B      string       `json:"b"`
	Base   string       `json:"base"`    // the parameter that the pair changes
	InTree bool         `json:"in_tree"` // whether that parameter is in the same tree; an adapter's own checkpoint has none
	Rank   *int         `json:"rank"`    // null where the shapes have no common rank
	ShapeA tensor.Shape `json:"shape_a"`
	ShapeB tensor.Shape `json:"shape_b"`
}
