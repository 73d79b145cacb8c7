package spec

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/version"
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
			if _, err := version.ParseConstraint(out.Version); err != nil {
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
	c, err := version.ParseConstraint(constraint)
	if err != nil {
		l.faults.errorf(a.Expr.Range(), codeVersion, "Invalid version constraint", "%s.", err)
		return
	}
	v, err := version.Parse(l.opts.Version)
	if err != nil {
		return // a build without a version
	}
	// A build on the way to a release counts as that release.
	if !c.Allows(v.Release()) {
		l.faults.errorf(a.Expr.Range(), codeVersion, "Other version needed", "This is loraconv %s, and the spec needs %s.", l.opts.Version, constraint)
	}
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
