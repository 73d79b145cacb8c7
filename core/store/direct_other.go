//go:build !linux

package store

import "os"

func openDirect(*os.File, int) *os.File { return nil }
func refusedDirect(error) bool          { return false }
func dropCache(*os.File, int64, int64)  {}
