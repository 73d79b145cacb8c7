//go:build !unix

package plugin

func closeOnExec(uintptr) {}

func endGroup() {}
