package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/all"
	"github.com/loraconv/loraconv/sdk"
)

// source is an opened tree of parameters.
type source struct {
	name   string
	dir    store.Directory
	reader store.Reader
}

type sources []source

// openSources opens what the plan reads, and checks that it is what was planned.
func openSources(ctx context.Context, p *plan.Plan, r *sdk.ExecuteRequest) (_ sources, err error) {
	var out sources
	defer func() {
		if err != nil {
			out.close()
		}
	}()
	if len(p.Sources) != len(r.Sources) {
		return nil, request("%d sources, the plan has %d", len(r.Sources), len(p.Sources))
	}
	for i, s := range r.Sources {
		if s.Name != p.Sources[i] {
			return nil, request("source %d is %q, in the plan %q", i, s.Name, p.Sources[i])
		}
		o, err := openSource(ctx, s, maxWindow(r.Memory))
		if err != nil {
			return out, err
		}
		out = append(out, o)
	}
	return out, nil
}

func openSource(ctx context.Context, s sdk.ExecuteSource, window int64) (source, error) {
	dir, err := all.Open(ctx, s.Root, all.Options{MaxWindow: window})
	if err != nil {
		return source{}, sourceFault(s.Name, err)
	}
	r, err := dir.Tree(s.Tree)
	if err != nil {
		return source{}, sourceFault(s.Name, errors.Join(err, dir.Close()))
	}
	if got := r.Manifest().Fingerprint; got != s.Fingerprint {
		_, _ = r.Close(), dir.Close()
		return source{}, diag.New(diag.Changed, "source-changed", "A source changed since it was planned",
			"source %q: its metadata had the fingerprint %.12s, and now %.12s", s.Name, s.Fingerprint, got)
	}
	return source{s.Name, dir, r}, nil
}

// maxWindow is the most that one compressed stream may hold.
func maxWindow(memory int64) int64 {
	if memory <= 0 {
		memory = 1 << 30
	}
	return min(memory/4, 128<<20)
}

func (s sources) readers() map[string]store.Reader {
	out := map[string]store.Reader{}
	for _, x := range s {
		out[x.name] = x.reader
	}
	return out
}

func (s sources) manifests() plan.Manifests {
	out := plan.Manifests{}
	for _, x := range s {
		out[x.name] = x.reader.Manifest()
	}
	return out
}

func (s sources) close() {
	for _, x := range s {
		_, _ = x.reader.Close(), x.dir.Close()
	}
}

// request reports a request that contradicts itself, which no host sends.
func request(format string, args ...any) error {
	return diag.New(diag.Plugin, "request-invalid", "The worker was sent a request that contradicts itself", "%s", fmt.Sprintf(format, args...))
}

func sourceFault(name string, err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	class, code, says := store.Fault(err)
	return diag.New(class, code, "A source "+says, "source %q: %v", name, err)
}
