package wire

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/sdk"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

// EncodeDescribeRequest is the host's first word.
func EncodeDescribeRequest(r sdk.DescribeRequest) (*pb.DescribeRequest, error) {
	b, err := encode("describe request", r, MaxDescribe)
	return &pb.DescribeRequest{Json: b}, err
}

// DecodeDescribeRequest is read by the plugin.
func DecodeDescribeRequest(m *pb.DescribeRequest) (r sdk.DescribeRequest, err error) {
	if err := known("describe request", m); err != nil {
		return r, err
	}
	return r, decode("describe request", m.GetJson(), MaxDescribe, &r)
}

// EncodeDescribeResponse is the plugin's answer. It checks what the host will
// check, so that an author meets the fault first.
func EncodeDescribeResponse(r *sdk.DescribeResponse) (*pb.DescribeResponse, error) {
	if r == nil {
		return nil, fmt.Errorf("describe response is nil")
	}
	if err := checkDescribe(r); err != nil {
		return nil, fmt.Errorf("describe response: %w", err)
	}
	b, err := encode("describe response", r, MaxDescribe)
	return &pb.DescribeResponse{Json: b}, err
}

// DecodeDescribeResponse is read by the host.
func DecodeDescribeResponse(m *pb.DescribeResponse) (*sdk.DescribeResponse, error) {
	if err := known("describe response", m); err != nil {
		return nil, err
	}
	r := new(sdk.DescribeResponse)
	if err := decode("describe response", m.GetJson(), MaxDescribe, r); err != nil {
		return nil, err
	}
	if err := checkDescribe(r); err != nil {
		return nil, fmt.Errorf("describe response: %w", err)
	}
	return r, nil
}

var (
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,63}$`)
	semver     = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	methods    = []string{"merge", "base", "adapter"}
)

func checkDescribe(r *sdk.DescribeResponse) error {
	if !identifier.MatchString(r.Name) {
		return fmt.Errorf("name %q is not an identifier", r.Name)
	}
	if len(r.Version) > 128 || !semver.MatchString(r.Version) {
		return fmt.Errorf("version %q is not a semantic version", r.Version)
	}
	if err := checkSchema(&r.Source, 0); err != nil {
		return fmt.Errorf("source: %w", err)
	}
	for name, s := range r.Outputs {
		if !identifier.MatchString(name) {
			return fmt.Errorf("output %q is not an identifier", name)
		}
		if err := checkSchema(&s, 0); err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
	}
	for _, t := range r.Trees {
		if p := strings.TrimSuffix(t, "/*"); !localTree(p) {
			return fmt.Errorf("tree %q is not a clean relative path", t)
		}
	}
	for i, m := range r.Methods {
		if !slices.Contains(methods, m) || slices.Contains(r.Methods[:i], m) {
			return fmt.Errorf("method %q is unknown or stands twice, wanted some of %q", m, methods)
		}
	}
	for name, rows := range r.Rules {
		if !identifier.MatchString(name) {
			return fmt.Errorf("table of rules %q is not an identifier", name)
		}
		if err := text(fmt.Sprintf("table of rules %q", name), rows, rule.MaxBytes); err != nil {
			return err
		}
		if rows = strings.ReplaceAll(rows, "\r\n", "\n"); Clean(rows) != rows {
			return fmt.Errorf("table of rules %q has a character that cannot be printed", name)
		}
	}
	return nil
}

func localTree(p string) bool {
	return p != "" && len(p) <= 1024 && path.Clean(p) == p && !path.IsAbs(p) && p != ".." && !strings.HasPrefix(p, "../") &&
		!strings.ContainsAny(p, "\\:\x00") && Clean(p) == p
}

// checkSchema bounds and checks a schema; whether Type is a type expression
// is core/spec's to say, which reads it.
func checkSchema(s *sdk.Schema, depth int) error {
	if depth > 8 {
		return fmt.Errorf("blocks are nested deeper than 8")
	}
	seen := map[string]bool{}
	once := func(kind, name string) error {
		if !identifier.MatchString(name) || seen[name] {
			return fmt.Errorf("%s %q is not an identifier or stands twice", kind, name)
		}
		seen[name] = true
		return nil
	}
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if err := once("argument", a.Name); err != nil {
			return err
		}
		if a.Type == "" || len(a.Type) > 256 {
			return fmt.Errorf("argument %q has type %q", a.Name, a.Type)
		}
		for _, v := range a.Enum {
			if len(v) > 256 || Clean(v) != v {
				return fmt.Errorf("argument %q allows %.64q, which is too long or cannot be printed", a.Name, v)
			}
		}
		a.Doc = Clean(a.Doc)
	}
	for i := range s.Blocks {
		b := &s.Blocks[i]
		if err := once("block", b.Name); err != nil {
			return err
		}
		if b.Max < 0 || len(b.Labels) > 4 {
			return fmt.Errorf("block %q: max is %d and it has %d labels", b.Name, b.Max, len(b.Labels))
		}
		for _, l := range b.Labels {
			if !identifier.MatchString(l) {
				return fmt.Errorf("block %q: label %q is not an identifier", b.Name, l)
			}
		}
		b.Doc = Clean(b.Doc)
		if err := checkSchema(&b.Schema, depth+1); err != nil {
			return fmt.Errorf("block %q: %w", b.Name, err)
		}
	}
	return nil
}
