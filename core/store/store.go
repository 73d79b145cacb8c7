// Package store is the border between bytes on disk and tensors: what a
// format offers to a reader (Reader) and how an output directory comes to be,
// complete or not at all (publish.go). The formats live below it and do not
// know each other; none of them knows what a name means.
package store

import (
	"context"
	"io"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
)

// Directory is an opened checkpoint directory: a step that holds several items,
// a directory that is itself a tree of parameters, or a folder of safetensors
// files. Opening one reads metadata only.
type Directory interface {
	// Describe says what was found.
	Describe() Description
	// Tree opens one of the trees that Describe lists.
	Tree(name string) (Reader, error)
	Close() error
}

// Description is what an opened directory says about itself.
type Description struct {
	// Root is the directory that names of trees and files are relative to. It
	// differs from the path that was asked for when that path was a run, and one
	// of its steps was chosen.
	Root     string
	Format   string          // "orbax", "safetensors" or "peft"
	Layout   []string        // facts about the directory, for people, e.g. "step 3, the latest of 3 finished steps"
	Trees    []string        // "." for the directory itself, else the item's path; sorted
	Files    []manifest.File // side files outside the trees, sorted
	Metadata []byte          // the step's metadata document (JSON), nil if there is none
	Warnings []string
}

// Reader reads one tree of parameters. It is safe for concurrent use.
type Reader interface {
	// Manifest says what the tree holds. It reads no weights.
	Manifest() *manifest.Manifest

	// Chunks lists the chunks of the parameter with this manifest name, in
	// C order of their origin. Their regions tile the parameter exactly. It
	// reads no weights.
	Chunks(name string) ([]Chunk, error)

	// Open streams the elements of c.Region, C order, little-endian, in
	// bounded memory (c.Memory). The stream ends with io.EOF after exactly
	// as many bytes as the region has; damage, a short chunk or bytes too many
	// are an error of the stream, never a short or a long read. The reader
	// must be closed.
	Open(ctx context.Context, name string, c Chunk) (io.ReadCloser, error)

	// Recheck reports, after a run, whether the files that were read are still
	// the ones that were opened: an error wrapping ErrChanged if not.
	Recheck() error

	Close() error
}

// Chunk is the unit in which a format stores and decodes elements: a zarr
// chunk, an inner chunk of a zarr3 shard, or a whole safetensors tensor.
type Chunk struct {
	Index  int           // position in the list that Chunks returns
	Region tensor.Region // clipped to the parameter's shape
	// File and Offset say where the stored bytes begin, Length how many they
	// are: File is relative to the checkpoint directory. For a value stored
	// inside an index node, File is that node's file.
	File   string
	Offset int64
	Length int64
	// Missing chunks were never written; they read as the fill value.
	Missing bool
	// Memory is the most that an open stream of this chunk holds, in bytes.
	Memory int64
	// Private data of the format.
	Ref any
}
