//go:build arm64 || purego

package kernel

var mergePanels mergeRows = mergePortable
