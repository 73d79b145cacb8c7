// Package strictjson reads JSON documents that may be hostile, without
// building a tree of them: the caller says what it expects next and is told
// where the document says something else. Size, depth, number of tokens and
// length of strings are bounded, a name that an object has twice is an error,
// and so are bytes after the document.
//
// Python's json module writes the bare words NaN, Infinity and -Infinity; a
// Decoder meets them as numbers of that text, and Rewrite turns them into
// strings, so that other readers need not know them.
//
// Only the packages below core/store/orbax use it. It promises nothing about
// speed.
package strictjson
