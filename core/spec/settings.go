package spec

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// settings reads the loraconv blocks.
func (l *loader) settings(f *File, blocks []*hcl.Block) {
	f.RequiredPlugins = map[string]RequiredPlugin{}
	schema := &hcl.BodySchema{
		Attributes: []hcl.AttributeSchema{{Name: "required_version"}},
		Blocks:     []hcl.BlockHeaderSchema{{Type: "required_plugins"}},
	}
	seen := map[string]hcl.Range{}
	for _, b := range blocks {
		c := l.open(b.Body, schema)
		if a := c.Attributes["required_version"]; a != nil && l.once(seen, "", a.NameRange, "required_version") {
			f.RequiredVersion, _ = l.text(a, constants)
			l.checkVersion(f.RequiredVersion, a)
		}
		for _, p := range c.Blocks {
			for _, a := range l.attributes(p.Body) {
				if l.once(seen, a.Name, a.NameRange, fmt.Sprintf("Plugin %q", a.Name)) {
					f.RequiredPlugins[a.Name] = l.requiredPlugin(a)
				}
			}
		}
	}
}

// requiredPlugin reads { source = "…", version = "…" }.
func (l *loader) requiredPlugin(a *hcl.Attribute) RequiredPlugin {
	out := RequiredPlugin{Range: place(a.Range)}
	v, ok := l.eval(a.Expr, constants)
	if !ok {
		return out
	}
	if !v.Type().IsObjectType() || v.IsNull() {
		l.faults.errorf(a.Expr.Range(), codeType, "Wrong type", "A required plugin is written NAME = { source = \"…\", version = \"…\" }.")
		return out
	}
	for _, name := range keys(v.Type().AttributeTypes()) {
		e := v.GetAttr(name)
		if e.IsNull() || e.Type() != cty.String {
			l.faults.errorf(a.Expr.Range(), codeType, "Wrong type", "%q of plugin %q takes a string, found %s.", name, a.Name, l.show(e))
			continue
		}
		switch name {
		case "source":
			out.Source = e.AsString()
		case "version":
			out.Version = e.AsString()
			if _, err := parseConstraint(out.Version); err != nil {
				l.faults.errorf(l.valueRange(a, name), codeVersion, "Invalid version constraint", "%s.", err)
			}
		default:
			l.faults.errorf(a.Expr.Range(), codeArgument, "Unsupported argument", "A required plugin has source and version only, not %q.%s", name, didYouMean(name, []string{"source", "version"}))
		}
	}
	return out
}

// valueRange is the place of one value of an object, or of the object.
func (l *loader) valueRange(a *hcl.Attribute, key string) hcl.Range {
	if obj, ok := unmeter(l.expr(a.Expr).root).(*hclsyntax.ObjectConsExpr); ok {
		for _, item := range obj.Items {
			if hcl.ExprAsKeyword(item.KeyExpr) == key {
				return item.ValueExpr.Range()
			}
		}
	}
	return a.Expr.Range()
}

func (l *loader) checkVersion(constraint string, a *hcl.Attribute) {
	if constraint == "" {
		return
	}
	c, err := parseConstraint(constraint)
	if err != nil {
		l.faults.errorf(a.Expr.Range(), codeVersion, "Invalid version constraint", "%s.", err)
		return
	}
	v, err := parseVersion(l.opts.Version)
	if l.opts.Version == "" || err != nil {
		return // a build without a version
	}
	if !c.allows(v) {
		l.faults.errorf(a.Expr.Range(), codeVersion, "Other version needed", "This is loraconv %s, and the spec needs %s.", l.opts.Version, constraint)
	}
}

// version is major, minor and patch, and how many of them were written.
type version struct {
	part  [3]int
	given int
}

func parseVersion(s string) (version, error) {
	var v version
	core, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(s), "v"), "-")
	parts := strings.Split(core, ".")
	if len(parts) > 3 {
		return v, fmt.Errorf("%q is not a version such as \"0.1.0\"", s)
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return v, fmt.Errorf("%q is not a version such as \"0.1.0\"", s)
		}
		v.part[i], v.given = int(n), i+1
	}
	return v, nil
}

func (v version) compare(w version) int {
	for i := range v.part {
		if d := v.part[i] - w.part[i]; d != 0 {
			return d
		}
	}
	return 0
}

// constraint is terms that must all hold.
type constraint []struct {
	op string
	v  version
}

// parseConstraint reads ">= 0.1.0, < 1.0.0" and "~> 0.1": the latter allows
// the last part that is written to grow.
func parseConstraint(s string) (constraint, error) {
	var out constraint
	for _, term := range strings.Split(s, ",") {
		term = strings.TrimSpace(term)
		op := strings.TrimRight(term, "0123456789. -+abcdefghijklmnopqrstuvwxyz")
		v, err := parseVersion(term[len(op):])
		if err != nil {
			return nil, fmt.Errorf("%q is not a version constraint such as \">= 0.1.0, < 1.0.0\" or \"~> 0.1\"", s)
		}
		switch op {
		case "", "=", "!=", ">", ">=", "<", "<=":
		case "~>":
			if v.given < 2 {
				return nil, fmt.Errorf("%q needs at least two parts after ~>, such as \"~> 0.1\"", s)
			}
		default:
			return nil, fmt.Errorf("%q: unknown comparison %q", s, op)
		}
		out = append(out, struct {
			op string
			v  version
		}{op, v})
	}
	return out, nil
}

func (c constraint) allows(v version) bool {
	for _, t := range c {
		d := v.compare(t.v)
		ok := false
		switch t.op {
		case "", "=":
			ok = d == 0
		case "!=":
			ok = d != 0
		case ">":
			ok = d > 0
		case ">=":
			ok = d >= 0
		case "<":
			ok = d < 0
		case "<=":
			ok = d <= 0
		case "~>":
			ok = d >= 0
			for i := range t.v.given - 1 {
				ok = ok && v.part[i] == t.v.part[i]
			}
		}
		if !ok {
			return false
		}
	}
	return true
}

// executions reads the engines' labels. Their bodies are for a scale-out that
// is not built; what they say changes no byte of an output, so they do not
// stop a conversion on this machine.
func (l *loader) executions(f *File, blocks []*hcl.Block) {
	seen := map[string]hcl.Range{}
	for _, b := range blocks {
		if !l.once(seen, b.Labels[0], b.DefRange, header(b)) {
			continue
		}
		f.Executions = append(f.Executions, b.Labels[0])
		l.faults.warnf(b.DefRange, codeNotYet, "Not supported yet", "execution blocks are not supported yet: conversions run on this machine.")
	}
}
