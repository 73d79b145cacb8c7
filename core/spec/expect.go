package spec

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/loraconv/loraconv/core/diag"
)

// Expect is a condition over the result of a run, judged before anything is
// published. It carries what it needs to be judged elsewhere and later: the
// text of its expressions and the values that they use, so that a plan file
// can hold it.
type Expect struct {
	Name      string
	Condition Text
	Message   Text
	Dir       string // of the spec, for fileexists and fileset
	// Measures is set when the condition or the message uses what a run
	// measures only where it is asked to: drift, norms, retention.
	Measures bool
	Range    diag.Range // empty in a plan file

	values map[string]cty.Value // roots other than result
}

// Text is the text of an expression, or of a template.
type Text struct {
	Text     string `json:"text"`
	Template bool   `json:"template,omitempty"` // as strings of JSON specs are
	at       hcl.Range
}

// expectFile is an Expect in a plan file.
type expectFile struct {
	Name      string                             `json:"name"`
	Condition Text                               `json:"condition"`
	Message   Text                               `json:"error_message"`
	Dir       string                             `json:"dir"`
	Measures  bool                               `json:"measures,omitempty"`
	Sensitive bool                               `json:"sensitive,omitempty"` // a value comes from a sensitive variable
	Values    map[string]ctyjson.SimpleJSONValue `json:"values,omitempty"`
}

// MarshalJSON writes e for a plan file.
func (e *Expect) MarshalJSON() ([]byte, error) {
	out := expectFile{Name: e.Name, Condition: e.Condition, Message: e.Message, Dir: e.Dir, Measures: e.Measures, Values: map[string]ctyjson.SimpleJSONValue{}}
	for root, v := range e.values {
		plain, marks := v.UnmarkDeep()
		out.Sensitive = out.Sensitive || len(marks) > 0
		out.Values[root] = ctyjson.SimpleJSONValue{Value: plain}
	}
	return json.Marshal(out)
}

// Portable is e without what differs from machine to machine, and without
// values that are sensitive: what identifies it.
func (e *Expect) Portable() any {
	out := expectFile{Name: e.Name, Condition: e.Condition, Message: e.Message, Values: map[string]ctyjson.SimpleJSONValue{}}
	for root, v := range e.values {
		if out.Sensitive = out.Sensitive || v.ContainsMarked(); !v.ContainsMarked() {
			out.Values[root] = ctyjson.SimpleJSONValue{Value: v}
		}
	}
	return out
}

// UnmarshalJSON reads what MarshalJSON wrote. If any of the values is
// sensitive, all of them are taken to be.
func (e *Expect) UnmarshalJSON(b []byte) error {
	var in expectFile
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		return err
	}
	*e = Expect{Name: in.Name, Condition: in.Condition, Message: in.Message, Dir: in.Dir, Measures: in.Measures, values: map[string]cty.Value{}}
	for root, v := range in.Values {
		if v.Value == cty.NilVal || root == "result" {
			return fmt.Errorf("expect %q: no value of %q", in.Name, root)
		}
		e.values[root] = v.Value
		if in.Sensitive {
			e.values[root] = v.Mark(sensitive)
		}
	}
	return nil
}

var conditionBody = &hcl.BodySchema{Attributes: []hcl.AttributeSchema{{Name: "condition"}, {Name: "error_message"}}}

// expect reads an expect block and checks the types of its expressions, with a
// result that is not known yet.
func (l *loader) expect(b *hcl.Block, s scope) *Expect {
	l.identifier("an expectation", b.Labels[0], b.LabelRanges[0])
	c := l.open(b.Body, conditionBody)
	cond := l.need(c, "condition", b.DefRange, header(b))
	msg := l.need(c, "error_message", b.DefRange, header(b))
	if cond == nil || msg == nil {
		return nil
	}
	s.extra = map[string]cty.Value{"result": cty.UnknownVal(resultType)}
	e := &Expect{Name: b.Labels[0], Dir: l.dir, Range: place(b.DefRange), values: map[string]cty.Value{}}
	if good := l.conditionType(cond, cty.Bool, s); !l.conditionType(msg, cty.String, s) || !good {
		return nil
	}
	judges := false
	for _, a := range []*hcl.Attribute{cond, msg} {
		x := l.expr(a.Expr)
		ctx, _ := l.context(x.uses, s)
		for root, v := range ctx.Variables {
			if root != "result" {
				e.values[root] = merged(e.values[root], v)
			}
		}
		for _, t := range x.uses {
			if t.RootName() != "result" {
				continue
			}
			judges = judges || a == cond
			name, ok := step(t, 1)
			e.Measures = e.Measures || !ok || measured[name]
		}
	}
	if !judges {
		l.faults.errorf(cond.Expr.Range(), codeCondition, "Condition judges nothing", "The condition does not use result, so no run can change it. What depends on variables alone belongs into their validation blocks.")
		return nil
	}
	e.Condition, e.Message = l.textOf(cond.Expr), l.textOf(msg.Expr)
	return e
}

// conditionType checks the type that an expression will have.
func (l *loader) conditionType(a *hcl.Attribute, ty cty.Type, s scope) bool {
	if !l.resultAttributes(a.Expr) {
		return false
	}
	_, absent, ok := l.typed(a, ty, s)
	if absent && ok {
		l.faults.errorf(a.Expr.Range(), codeType, "Wrong type", "%q takes %s, found null.", a.Name, typeText(ty))
	}
	return ok && !absent
}

// merged joins two objects of one root, such as the variables that condition
// and message use.
func merged(a, b cty.Value) cty.Value {
	if a == cty.NilVal {
		return b
	}
	if !a.Type().IsObjectType() || !b.Type().IsObjectType() || !a.IsKnown() || !b.IsKnown() {
		return b
	}
	out := map[string]cty.Value{}
	for n := range a.Type().AttributeTypes() {
		out[n] = a.GetAttr(n)
	}
	for n := range b.Type().AttributeTypes() {
		out[n] = merged(out[n], b.GetAttr(n))
	}
	return cty.ObjectVal(out)
}

// textOf is an expression as it stands in the spec.
func (l *loader) textOf(e hcl.Expression) Text {
	r := e.Range()
	if _, native := e.(hclsyntax.Expression); native {
		return Text{Text: string(r.SliceBytes(l.texts[r.Filename])), at: r}
	}
	v, _ := e.Value(nil) // a string: conditionType passed it, and it uses result
	text, _ := plainText(v)
	at := r
	at.Start.Byte++
	at.Start.Column++
	return Text{Text: text, Template: true, at: at}
}
