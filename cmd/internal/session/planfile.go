package session

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/spec"
)

// PlanFileVersion is the version of the envelope around plans.
const PlanFileVersion = 1

// PlanFile is what `loraconv plan -out` writes: an envelope around plans, one
// for each conversion, with the paths and fingerprints that a plan itself does
// not hold.
type PlanFile struct {
	Version     int          `json:"loraconv_plan_file"`
	Conversions []PlannedRun `json:"conversions"`
}

// PlannedRun is one conversion of a plan file.
type PlannedRun struct {
	Name           string         `json:"name"`
	Method         string         `json:"method,omitempty"`
	DType          string         `json:"dtype,omitempty"`
	Plugin         PluginID       `json:"plugin"`
	Sources        []Opened       `json:"sources"`
	Template       *TemplateDir   `json:"template,omitempty"`
	Output         string         `json:"output"`
	Memory         int64          `json:"memory"`
	Workers        int            `json:"workers,omitempty"`
	AllowNonFinite []string       `json:"allow_nonfinite,omitempty"`
	FillMissing    bool           `json:"fill_missing,omitempty"`
	SpecDigest     string         `json:"spec_digest,omitempty"`
	Checks         []*spec.Check  `json:"checks,omitempty"`
	Expects        []*spec.Expect `json:"expects,omitempty"`
	Warnings       []string       `json:"warnings,omitempty"`
	Digest         string         `json:"plan_digest"`
	Plan           string         `json:"plan"` // canonical encoding
}

// WritePlanFile encodes prepared conversions.
func WritePlanFile(ps []*Prepared) ([]byte, error) {
	f := PlanFile{Version: PlanFileVersion}
	for _, p := range ps {
		b, err := plan.Encode(p.Plan)
		if err != nil {
			return nil, err
		}
		f.Conversions = append(f.Conversions, PlannedRun{
			Name: p.Name, Method: p.Method, DType: p.DType, Checks: p.Checks, Expects: p.Expects, Warnings: p.Warnings, Plugin: p.Plugin, Sources: p.Sources, Template: p.Template, Output: p.Output,
			Memory: p.Compute.Memory, Workers: p.Compute.Workers, AllowNonFinite: p.AllowNonFinite,
			FillMissing: p.FillMissing, SpecDigest: p.SpecDigest, Digest: p.Digest, Plan: string(b),
		})
	}
	b, err := json.MarshalIndent(f, "", " ")
	return append(b, '\n'), err
}

// maxPlanFile is the largest plan file that is read, in bytes.
const maxPlanFile = 256 << 20

// IsPlanFile reports whether the file at path begins like a plan file.
func IsPlanFile(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 64)
	n, _ := f.Read(head)
	return bytes.HasPrefix(bytes.TrimLeft(head[:n], " \n\t{"), []byte(`"loraconv_plan_file"`))
}

// readPlanFile reads no more than one byte beyond what a plan file may have.
func readPlanFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxPlanFile+1))
}

// ParsePlanFile reads a plan file's bytes. Nothing in it is believed before
// the sources have been opened and the plans checked again.
func ParsePlanFile(b []byte) (*PlanFile, error) {
	if len(b) > maxPlanFile {
		return nil, fmt.Errorf("plan file of more than %d bytes", maxPlanFile)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	f := new(PlanFile)
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("plan file: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("plan file: bytes follow its end")
	}
	if f.Version != PlanFileVersion {
		return nil, fmt.Errorf("plan file of version %d, this loraconv reads %d", f.Version, PlanFileVersion)
	}
	for i := range f.Conversions {
		if err := f.Conversions[i].valid(); err != nil {
			return nil, fmt.Errorf("plan file: conversion %q: %w", f.Conversions[i].Name, err)
		}
	}
	return f, nil
}

// valid reports what no plan file says that loraconv wrote.
func (r *PlannedRun) valid() error {
	switch {
	case !filepath.IsAbs(r.Output):
		return fmt.Errorf("output %q is no absolute path", r.Output)
	case r.Memory != 0 && r.Memory < spec.MinMemory:
		return fmt.Errorf("memory %d, wanted at least %d", r.Memory, int64(spec.MinMemory))
	case r.Workers < 0:
		return fmt.Errorf("workers %d", r.Workers)
	}
	for _, c := range r.Checks {
		if err := c.Valid(); err != nil {
			return err
		}
	}
	if slices.Contains(r.Expects, nil) {
		return fmt.Errorf("an expectation is null")
	}
	return nil
}

// LoadPlanFile picks conversions of a plan file, opens the sources that they
// name, checks that those are the ones that were planned, and checks the plans
// again.
func (s *Session) LoadPlanFile(ctx context.Context, path string) ([]*Prepared, diag.List) {
	var ds diag.List
	b, err := readPlanFile(path)
	if err != nil {
		ds.Errorf(diag.Usage, "plan-file", "A plan file cannot be read", "%v", err)
		return nil, ds
	}
	f, err := ParsePlanFile(b)
	if err != nil {
		ds.Errorf(diag.Usage, "plan-file", "A plan file cannot be read", "%s: %v", path, err)
		return nil, ds
	}
	all := make([]*PlannedRun, len(f.Conversions))
	for i := range f.Conversions {
		all[i] = &f.Conversions[i]
	}
	picked, d := pick(all, func(r *PlannedRun) string { return r.Name }, s.Only, s.Except)
	if d == nil && len(picked) == 0 {
		d = nothing(path, s.Only, s.Except)
	}
	if d != nil {
		return nil, diag.List{d}
	}
	var out []*Prepared
	for _, r := range picked {
		p, d := s.reopen(ctx, r)
		ds.Append(d)
		if p != nil {
			out = append(out, p)
		}
	}
	return out, ds
}

func (s *Session) reopen(ctx context.Context, r *PlannedRun) (*Prepared, diag.List) {
	var ds diag.List
	p, err := plan.Decode([]byte(r.Plan))
	if err != nil {
		ds.Errorf(diag.Usage, "plan-file", "A plan file holds a plan that cannot be read", "conversion %q: %v", r.Name, err)
		return nil, ds
	}
	if digest, err := plan.Digest(p); err != nil || digest != r.Digest {
		ds.Errorf(diag.Usage, "plan-file", "A plan file contradicts itself", "conversion %q: the plan's digest is %s, the file says %s", r.Name, digest, r.Digest)
		return nil, ds
	}
	if len(r.Sources) != len(p.Sources) {
		ds.Errorf(diag.Usage, "plan-file", "A plan file contradicts itself", "conversion %q: %d sources in the plan, %d in the file", r.Name, len(p.Sources), len(r.Sources))
		return nil, ds
	}
	m := plan.Manifests{}
	for i := range r.Sources {
		want := &r.Sources[i]
		o, err := openSource(ctx, want.Path, want.Step, []string{want.Tree})
		if err != nil {
			ds.Add(sourceFault(err, &spec.Source{Name: want.Name}))
			return nil, ds
		}
		if o.Fingerprint != want.Fingerprint || o.Root != want.Root {
			ds.Errorf(diag.Changed, "source-changed", "A source is not the one that was planned", "source %q at %s: its fingerprint is %s, the plan was made for %s at %s; plan again", want.Name, o.Root, o.Fingerprint, want.Fingerprint, want.Root)
			return nil, ds
		}
		want.Manifest = o.Manifest
		m[want.Name] = o.Manifest
	}
	if want := r.Template; want != nil {
		d, _, err := readTemplate(ctx, want.Path)
		if err != nil {
			ds.Errorf(diag.Source, "template-unreadable", "The template cannot be read", "%q: %v", want.Path, err)
			return nil, ds
		}
		if d.Fingerprint != want.Fingerprint {
			ds.Errorf(diag.Changed, "source-changed", "The template is not the one that was planned", "%s: its fingerprint is %s, the plan was made for %s; plan again", d.Path, d.Fingerprint, want.Fingerprint)
			return nil, ds
		}
		r.Template = d
	}
	ds.Append(plan.Check(p, m))
	if ds.HasErrors() {
		return nil, ds
	}
	out := &Prepared{
		Name: r.Name, Method: r.Method, DType: r.DType, Checks: r.Checks, Expects: r.Expects, Warnings: r.Warnings, Plugin: r.Plugin, Plan: p, Digest: r.Digest, Manifests: m, Sources: r.Sources, Template: r.Template, Output: r.Output,
		Compute: spec.Compute{Memory: r.Memory, Workers: r.Workers}, AllowNonFinite: r.AllowNonFinite, FillMissing: r.FillMissing, SpecDigest: r.SpecDigest,
	}
	ds.Add(out.apart(""))
	return out, ds
}
