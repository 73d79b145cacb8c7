// Package orbax reads Orbax checkpoints: a step that holds several items, a
// run of steps, a released directory, or one directory of parameters; OCDBT or
// plain folders, zarr version 2 or 3, and the msgpack file of older releases.
//
//	open.go        what a path leads to
//	kind.go        what a directory is
//	step.go        which step of a run is meant
//	tree.go        one directory of parameters (a PyTree)
//	metadata.go    _METADATA: the names of the parameters
//	database.go    keys and where their values are: OCDBT or folders
//	params.go      parameters: a zarr array, and which of its chunks there are
//	chunks.go      where a chunk lies, and opening it
//	legacy.go      parameters whose values lie in the msgpack file
//	files.go       the only place where files are opened
//
// Everything is opened through an os.Root at the checkpoint's directory: a path
// or a link that leads out of it is an error. Whatever is declared is checked
// against what is there before anything is allocated from it, and work is
// bounded, so that a hostile checkpoint costs a bounded time and memory.
//
// The package does not promise that values are intact: neither the database
// nor the frames of Orbax's chunks carry checksums of them. It does not write,
// does not know what a name means, and keeps no order of parameters but that
// of names. Only core/store/all imports it, and tests.
package orbax
