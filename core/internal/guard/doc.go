// Package guard gives tests memory between pages that cannot be touched, where a
// read or a write beside it ends the test. Assembly checks no bounds; so whatever
// is written in it is tested in such memory. Only tests import it.
package guard
