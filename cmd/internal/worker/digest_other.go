//go:build !linux

package worker

import "os"

func dropCache(*os.File) {}
