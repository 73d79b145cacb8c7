package main

import (
	"context"
	"fmt"
	"os"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/cmd/internal/worker"
	"github.com/loraconv/loraconv/sdk"
	"github.com/loraconv/loraconv/sdk/plugin"
)

// servesPlugin reports whether this process was started as a bundled plugin.
func servesPlugin(args []string) bool { return len(args) == 3 && args[1] == session.ServeArg }

// servePlugin serves a bundled plugin and the worker, until the host ends it.
func servePlugin(args []string) int {
	c, ok := bundled[args[2]]
	if !ok {
		fmt.Fprintf(os.Stderr, "loraconv: no plugin %q is bundled\n", args[2])
		return 64
	}
	plugin.ServeHost(c, executor{})
	return 0
}

// executor is the worker behind the protocol.
type executor struct{}

func (executor) Execute(ctx context.Context, r *sdk.ExecuteRequest, emit func(sdk.Event) error) error {
	return worker.Execute(ctx, r, emit)
}
