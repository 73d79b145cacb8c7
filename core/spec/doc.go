// Package spec turns a spec, written in HCL, into data: which sources, which
// conversions, which values. It knows the blocks that every spec may hold and
// no framework: the bodies of source and output blocks stay closed until
// their plugin has described them.
//
//	f, faults := spec.Load("robot.hcl", spec.Options{Env: os.LookupEnv})
//	…                                  // ask each plugin for its schemas
//	d, faults := f.DecodeSource(src, schema)
//	…                                  // plan; plugins answer with diagnostics that have a Path
//	f.Place(diags)                     // Path becomes file and line
//	f.Render(os.Stderr, diags, spec.RenderOptions{Width: 80})
//
// All faults of a spec are reported at once, sorted by place; each has a code
// that does not change (Codes lists them). A spec gives the same values twice:
// its functions know no clock, no randomness, no environment and no network.
//
// A spec may be hostile. Size, nesting and the cost of every expression are
// bounded (limits.go, meter.go), so that no input makes Load slow or large;
// hashicorp/hcl alone does not promise that: deep nesting overflows its stack,
// which Go cannot recover from.
//
// Values of variables marked sensitive are never printed. They are not kept
// from plugins.
//
// cmd imports this package; plugins and sdk do not. No name of package hcl is
// part of the exported API.
package spec
