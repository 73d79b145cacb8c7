package session

import (
	"context"
	"fmt"
	"os"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
)

// sideFiles copies what the plan copies, byte for byte.
func (r *run) sideFiles(ctx context.Context) error {
	for _, f := range r.p.Plan.Files {
		if err := ctx.Err(); err != nil {
			return err
		}
		src, err := r.sideRoot(f.From)
		if err != nil {
			return diag.New(diag.Source, "side-file", "A side file cannot be read", "%v", err)
		}
		sum, n, err := r.stage.CopyFile(ctx, f.To, src.Root, src.path(f.Path))
		_ = src.Close()
		if err != nil {
			return sideFileFault(fmt.Errorf("copy %q: %w", f.Path, err), f.To)
		}
		r.rec.file(f.To, n, sum)
	}
	return nil
}

// sideRoot opens the template, or the directory of a source.
func (r *run) sideRoot(from string) (*templateRoot, error) {
	for _, o := range r.p.Sources {
		if o.Name == from {
			root, err := os.OpenRoot(o.Root)
			return &templateRoot{root, "."}, err
		}
	}
	if r.p.Template == nil || from != templateName {
		return nil, fmt.Errorf("there is no source %q", from)
	}
	return openTemplate(r.p.Template.Path)
}

func (r *run) sideFileSize(f plan.File) int64 {
	var files []manifest.File
	if m := r.p.Manifests[f.From]; m != nil {
		files = m.Files
	} else if r.p.Template != nil {
		files = r.p.Template.Files
	}
	for _, x := range files {
		if x.Path == f.Path {
			return x.Bytes
		}
	}
	return 0
}
