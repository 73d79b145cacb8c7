package session

import (
	"errors"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/store/safetensors"
	"github.com/loraconv/loraconv/sdk"
)

// weights is where every tensor goes: one file, or several with an index.
type weights struct {
	files []weightFile
	place map[string]sdk.Placement // by tensor
	bytes map[string]int64
	index []byte // nil with one file
	size  int64  // of all files
}

type weightFile struct {
	name   string
	layout *safetensors.Layout
}

// layOut fixes where every tensor goes, from names, shapes and types alone.
func (r *run) layOut() error {
	specs := make([]safetensors.Spec, len(r.p.Plan.Tensors))
	for i, t := range r.p.Plan.Tensors {
		specs[i] = safetensors.Spec{Name: t.Name, DType: t.DType, Shape: t.Shape}
	}
	shards, err := safetensors.SplitShards(specs, r.p.Plan.Output.MaxShard)
	if err != nil {
		return diag.New(diag.Keys, "layout", "The output cannot be laid out", "%v", err)
	}
	w := &weights{place: map[string]sdk.Placement{}, bytes: map[string]int64{}}
	if len(shards) > 1 {
		w.index = safetensors.EncodeIndex(shards)
	} else {
		shards[0].File = r.p.Plan.Output.File
	}
	for _, s := range shards {
		l, err := safetensors.Plan(s.Specs, map[string]string{"format": "pt"})
		if err != nil {
			return diag.New(diag.Keys, "layout", "The output cannot be laid out", "%v", err)
		}
		w.files = append(w.files, weightFile{s.File, l})
		w.size += l.Size
		for _, p := range l.Places {
			off, ok := l.Offset(p.Name)
			if !ok {
				return diag.New(diag.Other, "layout", "A tensor has no place in the layout", "%q", p.Name)
			}
			w.place[p.Name] = sdk.Placement{File: s.File, Offset: off}
			w.bytes[p.Name] = p.Bytes
		}
	}
	r.weights = w
	return nil
}

// names lists the weight files.
func (w *weights) names() []string {
	var out []string
	for _, f := range w.files {
		out = append(out, f.name)
	}
	return out
}

// headers creates the weight files at their full size and writes their
// headers.
func (r *run) headers() error {
	for _, x := range r.weights.files {
		f, err := r.stage.CreateFile(x.name, x.layout.Size)
		if err != nil {
			return outputFault(err, x.name)
		}
		_, werr := f.WriteAt(x.layout.Header, 0)
		if err := errors.Join(werr, f.Close()); err != nil {
			return outputFault(err, x.name)
		}
	}
	return nil
}
