package session

import (
	"context"

	"github.com/loraconv/loraconv/core/diag"
)

// Validate checks a spec without its checkpoints: variables without a value
// are unknown, and bodies are opened by the schemas of their plugins, unless
// syntaxOnly.
func (s *Session) Validate(ctx context.Context, path string, syntaxOnly bool) diag.List {
	cs, ds := s.Load(path, true)
	if ds.HasErrors() || syntaxOnly {
		return ds
	}
	for _, src := range s.File.Sources {
		p, err := s.plugin(ctx, src.Plugin)
		if err != nil {
			d := asDiagnostic(err, diag.Plugin)
			if d.Path == nil {
				d.Path = []string{"source", src.Name}
			}
			ds.Add(d)
			continue
		}
		_, found := s.File.DecodeSource(src, specSchema(p.about.Source))
		ds.Append(found)
	}
	for _, c := range cs {
		if c.Source == nil || s.plugins[c.Source.Plugin] == nil {
			continue
		}
		b := &builder{s: s, c: c, plugin: s.plugins[c.Source.Plugin]}
		b.readOutput(ctx)
		ds.Append(b.ds)
	}
	s.redact(ds)
	s.File.Place(ds)
	ds.Sort()
	return ds
}
