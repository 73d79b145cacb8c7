// Package host starts the processes that loraconv talks to, and is the side of
// the protocol that speaks first: plugins, which answer Describe and Plan, and
// loraconv's own executable as the worker, which answers Execute.
//
//	p, err := host.Start(ctx, host.Command{Name: "openpi", Path: path})
//	defer p.Close()
//	schema, err := p.Describe(ctx, sdk.DescribeRequest{HostVersion: version})
//
// Whatever the process does or fails to do, each call ends: in its answer, in
// the caller's own cancellation, or in a *diag.Diagnostic of class
// diag.Plugin that says which plugin, what it was doing, how it ended and what
// it last wrote to stderr. After Close no process of its group, no socket and
// no descriptor is left; a process that has left its group (setsid) is out of
// reach. When the host itself is killed, the process dies with it.
//
// The session imports this package; plugins and core must not. It decides
// nothing: not which executable belongs to a name, nor whether a plan is right
// (core/plan does), nor what happens after a failure. Its API changes without
// notice.
package host
