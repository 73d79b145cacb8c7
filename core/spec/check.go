package spec

import (
	"errors"
	"math"

	"github.com/hashicorp/hcl/v2"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/glob"
)

// Kinds of checks.
const (
	CheckDrift     = "drift"
	CheckReference = "reference"
	CheckRoundtrip = "roundtrip"
	CheckFiles     = "files"
)

// Check is a measurement with bounds, judged before anything is published.
//
//	drift      MaxAbs         largest |written - exact| of any tensor, exact being the float64 result before rounding
//	           MinRetention   least part of LoRA's change that rounding leaves, of any tensor that it changed
//	           Match          the tensors that are judged; none: all
//	reference  Path           a known-good export, compared tensor by tensor
//	           MaxAbs, RTol   |written - reference| <= MaxAbs + RTol*|reference|; with neither, equal bits
//	           Match          the tensors that are compared; none: all, and both sides have the same
//	roundtrip                 the written files are read back by their format's reader: same tensors, types,
//	                          shapes and values; adapters are multiplied out and compared with the sources' product
//	           MaxAbs, RTol   bounds of that comparison; default: what rounding the factors can explain
//	files      Require        globs that must each hit a file of the output
//	           Forbid         globs that must hit none
//
// Names match globs with the separator ".", files with "/".
type Check struct {
	Kind         string     `json:"kind"`
	Warn         bool       `json:"warn,omitempty"` // on_breach = "warn"
	MaxAbs       *float64   `json:"max_abs,omitempty"`
	RTol         *float64   `json:"rtol,omitempty"`
	MinRetention *float64   `json:"min_retention,omitempty"`
	Match        []string   `json:"match,omitempty"`
	Path         string     `json:"path,omitempty"`    // relative paths are joined to the spec's directory
	Written      string     `json:"written,omitempty"` // Path as the spec writes it
	Require      []string   `json:"require,omitempty"`
	Forbid       []string   `json:"forbid,omitempty"`
	Range        diag.Range `json:"-"` // empty in a plan file
}

// checkArguments lists what each kind takes, beside on_breach.
var checkArguments = map[string][]string{
	CheckDrift:     {"max_abs", "min_retention", "match"},
	CheckReference: {"path", "max_abs", "rtol", "match"},
	CheckRoundtrip: {"max_abs", "rtol"},
	CheckFiles:     {"require", "forbid"},
}

var breaches = []string{"fail", "warn"}

// check reads a check block. It returns nil when the block is faulty.
func (l *loader) check(b *hcl.Block, s scope) *Check {
	kind := b.Labels[0]
	arguments, ok := checkArguments[kind]
	if !ok {
		l.faults.errorf(b.LabelRanges[0], codeEnum, "Unknown check", "There is no check %q: the kinds are %s.%s", kind, oneOf(keys(checkArguments)), didYouMean(kind, keys(checkArguments)))
		return nil
	}
	schema := &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "on_breach"}}}
	for _, a := range arguments {
		schema.Attributes = append(schema.Attributes, hcl.AttributeSchema{Name: a})
	}
	before := len(l.faults.list)
	c := l.open(b.Body, schema)
	misspelt := len(l.faults.list) > before
	out := &Check{Kind: kind, Range: place(b.DefRange)}
	out.Warn = l.word(c.Attributes["on_breach"], breaches, s) == "warn"
	out.MaxAbs = l.within(c.Attributes["max_abs"], math.MaxFloat64, s)
	out.RTol = l.within(c.Attributes["rtol"], math.MaxFloat64, s)
	out.MinRetention = l.within(c.Attributes["min_retention"], 1, s)
	out.Match, _ = l.globs(c.Attributes["match"], '.', s)
	out.Require, _ = l.globs(c.Attributes["require"], '/', s)
	out.Forbid, _ = l.globs(c.Attributes["forbid"], '/', s)
	switch {
	case misspelt: // what is missing then is perhaps what was meant
	case kind == CheckDrift:
		l.needOne(c, b, "max_abs", "min_retention")
	case kind == CheckFiles:
		l.needOne(c, b, "require", "forbid")
	case kind == CheckReference:
		if a := l.need(c, "path", b.DefRange, header(b)); a != nil {
			out.Path, _ = l.path(a, s)
			out.Written, _ = l.text(a, s)
		}
	}
	return out
}

// needOne reports a check that has neither of its bounds.
func (l *loader) needOne(c *hcl.BodyContent, b *hcl.Block, x, y string) {
	if c.Attributes[x] == nil && c.Attributes[y] == nil {
		l.faults.errorf(b.DefRange, codeMissing, "Check has no bound", "%s needs at least one of %q and %q.", header(b), x, y)
	}
}

// within evaluates a number from 0 to high.
func (l *loader) within(a *hcl.Attribute, high float64, s scope) *float64 {
	n := l.number(a, s)
	if n == nil || *n >= 0 && *n <= high {
		return n
	}
	v, _ := l.eval(a.Expr, s)
	bounds := "of at least 0"
	if high < math.MaxFloat64 {
		bounds = "from 0 to 1"
	}
	l.faults.errorf(a.Expr.Range(), codeValue, "Number out of range", "%q takes a number %s, found %s.", a.Name, bounds, l.show(v))
	return nil
}

// Valid checks what a file says of a check.
func (c *Check) Valid() error {
	if c == nil || checkArguments[c.Kind] == nil {
		return errors.New("a check of an unknown kind")
	}
	if c.Kind == CheckReference && c.Path == "" {
		return errors.New("a reference without a path")
	}
	_, e1 := glob.CompileList(c.Match, '.')
	_, e2 := glob.CompileList(c.Require, '/')
	_, e3 := glob.CompileList(c.Forbid, '/')
	return errors.Join(e1, e2, e3)
}

// Matches reports whether a check is about an output tensor.
func (c *Check) Matches(target string) bool {
	if len(c.Match) == 0 {
		return true
	}
	list, err := glob.CompileList(c.Match, '.')
	return err == nil && list.Match(target) != nil
}
