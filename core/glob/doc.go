// Package glob matches whole names of parameters and files against patterns.
//
// A name is a path of components joined by one separator: "/" in source
// parameters and files, "." in target tensors. A pattern is such a name with
//
//	**/   at the start or after a separator: any number of components, also none
//	/**   at the end: everything below, at least one component
//	**    anywhere else: any run of bytes, separators included
//	*     any run of bytes, also none, within one component
//
// Every other byte stands for itself: there are no classes, no "?", no
// escapes, because "[" and "?" occur in parameter names and a pattern that
// quietly means something else would drop the wrong tensor.
//
// A match takes time proportional to the length of the name times the length
// of the pattern, whatever they hold. Any package may import this one.
package glob
