package spec

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// rowBlock is the one block that a row of the rule notation has.
const rowBlock = "lora"

// jsonRow writes a row that stands in a JSON spec in the rule notation itself:
//
//	"rule": {"q": {"axes": "d n", "mul": "${sqrt(n)}", "lora": {"scale": 1}}}
//
//	rule "q" {
//	  axes = "d n"
//	  mul  = sqrt(n)
//	  lora {
//	    scale = 1
//	  }
//	}
//
// A string that is ${ } and nothing else is an expression, as everywhere in
// JSON specs.
func (l *loader) jsonRow(b *hcl.Block) string {
	var out strings.Builder
	out.WriteString(b.Type)
	for _, label := range b.Labels {
		out.WriteString(" " + quoted(label))
	}
	out.WriteString(" {\n")
	l.jsonBody(&out, l.attributes(b.Body))
	out.WriteString("}\n")
	return out.String()
}

func (l *loader) jsonBody(out *strings.Builder, attrs []*hcl.Attribute) {
	for _, a := range attrs {
		if a.Name != rowBlock {
			fmt.Fprintf(out, "%s = %s\n", a.Name, l.jsonValue(a.Expr))
			continue
		}
		blocks := []hcl.Expression{a.Expr}
		if items, diags := hcl.ExprList(a.Expr); !diags.HasErrors() {
			blocks = items
		}
		for _, e := range blocks {
			pairs, diags := hcl.ExprMap(e)
			if diags.HasErrors() {
				l.faults.errorf(e.Range(), codeType, "Wrong type", "%q is a block of a row: an object, or a list of objects.", a.Name)
				continue
			}
			fmt.Fprintf(out, "%s {\n", rowBlock)
			for _, p := range pairs {
				fmt.Fprintf(out, "%s = %s\n", l.jsonKey(p.Key), l.jsonValue(p.Value))
			}
			out.WriteString("}\n")
		}
	}
}

// jsonKey is a property's name: as it stands where it is a name, else quoted.
func (l *loader) jsonKey(e hcl.Expression) string {
	v, _ := e.Value(nil)
	text, _ := plainText(v)
	if hclsyntax.ValidIdentifier(text) {
		return text
	}
	return quoted(text)
}

func (l *loader) jsonValue(e hcl.Expression) string {
	if pairs, diags := hcl.ExprMap(e); !diags.HasErrors() {
		var items []string
		for _, p := range pairs {
			items = append(items, l.jsonKey(p.Key)+" = "+l.jsonValue(p.Value))
		}
		slices.Sort(items)
		return "{ " + strings.Join(items, ", ") + " }"
	}
	if list, diags := hcl.ExprList(e); !diags.HasErrors() {
		var items []string
		for _, x := range list {
			items = append(items, l.jsonValue(x))
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	v, diags := e.Value(nil) // strings come as they stand
	switch {
	case diags.HasErrors():
		l.faults.hcl(diags, false)
		return "null"
	case v.IsNull():
		return "null"
	case v.Type() == cty.Number:
		f := v.AsBigFloat()
		if hugeNumber(f) {
			l.faults.errorf(e.Range(), codeTooCostly, costSummary, "A number has more than %d binary digits before or after the point.", maxExp)
			return "null"
		}
		return numeral(f)
	case v.Type() == cty.Bool:
		return fmt.Sprint(v.True())
	}
	text, n := v.AsString(), l.native(e)
	if _, wraps := n.(*hclsyntax.TemplateWrapExpr); wraps {
		text = strings.TrimSuffix(strings.TrimPrefix(text, "${"), "}")
		if strings.ContainsAny(text, "\r\n") {
			return "(" + text + ")" // which may go on on the next line
		}
		return strings.TrimSpace(text)
	}
	plain, ok := literal(n)
	if !ok && !l.broken[n] {
		l.faults.errorf(e.Range(), codeReference, "Not a constant", "Texts of a row are plain; an expression is written as \"${…}\" and nothing else.")
	}
	return quoted(plain)
}

func numeral(f *big.Float) string {
	if f.IsInt() {
		return f.Text('f', 0)
	}
	return f.Text('g', -1)
}

// quoted is a text between quotes, in which nothing is a template.
func quoted(s string) string {
	return string(hclwrite.TokensForValue(cty.StringVal(s)).Bytes())
}
