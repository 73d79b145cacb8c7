// Package session is one conversion from spec to receipt, in the order in
// which it happens:
//
//	Load      the spec, its variables and references
//	plugin    the framework's plugin is started and described, once
//	open      the sources are opened: metadata only
//	plan      the plugin plans; the host normalises and checks
//	run       lock, stage, layout, headers, worker, documents, receipt, publish
//
// It decides; it prints nothing. What it has to say goes to an Observer, and
// what is wrong is returned as diagnostics.
package session
