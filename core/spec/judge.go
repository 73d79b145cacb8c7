package spec

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/diag"
)

// CodeExpect is the code of a condition over the result that does not hold.
const CodeExpect = "expect-failed"

// Judge evaluates the condition of e with a result, on a meter of its own. It
// returns nothing when the condition holds; else what the spec's error_message
// says, or why the condition cannot be judged. The class is diag.Measured.
func (e *Expect) Judge(r *Result) diag.List {
	l := newLoader(Options{})
	l.dir = e.Dir
	l.functions = functionTable(e.Dir)
	s := scope{extra: map[string]cty.Value{"result": r.value()}, closed: true}
	for root, v := range e.values {
		s.extra[root] = v
	}
	held, known := l.judged(e.Condition, cty.Bool, e.label("condition"), s)
	if known && held.False() {
		text := "The condition does not hold; the message that says why contains a sensitive value."
		switch m, known := l.judged(e.Message, cty.String, e.label("error_message"), s); {
		case !known:
			text = "The condition does not hold, and the message that says why cannot be evaluated."
		case !m.IsMarked():
			text = m.AsString()
		}
		l.faults.errorf(e.at(), CodeExpect, fmt.Sprintf("Expectation %q is not met", e.Name), "%s", text)
	}
	out := l.faults.take(nil)
	for _, d := range out {
		d.Class = diag.Measured
	}
	return out
}

// judged evaluates one of the expressions. known is false when a fault was
// reported.
func (l *loader) judged(t Text, ty cty.Type, label string, s scope) (v cty.Value, known bool) {
	at := t.at
	if at.Filename == "" {
		at = hcl.Range{Filename: label, Start: hcl.InitialPos, End: hcl.InitialPos}
	}
	lex, parse := lexer(hclsyntax.LexExpression), hclsyntax.ParseExpression
	if t.Template {
		lex, parse = hclsyntax.LexTemplate, hclsyntax.ParseTemplate
	}
	text := []byte(t.Text)
	if !t.Template {
		text = append(text, '\n') // ends a heredoc
	}
	if lim := scan(text, at.Filename, at.Start, lex); lim != nil {
		l.faults.errorf(lim.at, lim.code, lim.summary("Expression"), "%s", lim.text)
		return cty.NilVal, false
	}
	e, diags := parse(text, at.Filename, at.Start)
	if diags.HasErrors() {
		l.faults.hcl(diags, true)
		return cty.NilVal, false
	}
	v, absent, ok := l.typed(&hcl.Attribute{Name: label, Expr: e}, ty, s)
	if absent && ok {
		l.faults.errorf(e.Range(), codeType, "Wrong type", "%q takes %s, found null.", label, typeText(ty))
	}
	if !ok || absent {
		return cty.NilVal, false
	}
	raw, marks := v.Unmark()
	if !raw.IsKnown() {
		l.faults.errorf(e.Range(), codeCondition, "Condition cannot be judged", "%q is not known after the run.", label)
		return cty.NilVal, false
	}
	if ty == cty.Bool {
		return raw, true
	}
	return raw.WithMarks(marks), true
}

func (e *Expect) label(what string) string {
	return fmt.Sprintf("expect %q %s", e.Name, what)
}

// at is the place of the block, or of nothing.
func (e *Expect) at() hcl.Range {
	return hcl.Range{Filename: e.Range.File, Start: hcl.Pos(e.Range.Start), End: hcl.Pos(e.Range.End)}
}
