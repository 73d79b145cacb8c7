package spec

import (
	"sort"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Values of sensitive variables carry a mark through every expression, and a
// message does not show a value that has it. Redact is the second line: it
// takes what is left of such values out of any text, also of messages that
// libraries made.

const redacted = "(sensitive)"

// minSecret is the length of the shortest text that is taken out: shorter
// ones stand in any sentence.
const minSecret = 3

// Redact replaces the values of sensitive variables in a text by
// "(sensitive)".
func (f *File) Redact(s string) string { return f.l.faults.redact(s) }

// secret remembers the texts and numbers in a sensitive value.
func (f *faults) secret(v cty.Value) {
	v, _ = v.UnmarkDeep()
	_ = cty.Walk(v, func(_ cty.Path, v cty.Value) (bool, error) {
		if v.IsNull() || !v.IsKnown() {
			return false, nil
		}
		text := ""
		switch v.Type() {
		case cty.String:
			text = v.AsString()
		case cty.Number:
			text = v.AsBigFloat().Text('f', -1)
		}
		if len(text) >= minSecret {
			f.secrets = append(f.secrets, text)
			if q := strconv.Quote(text); q[1:len(q)-1] != text {
				f.secrets = append(f.secrets, q[1:len(q)-1])
			}
		}
		return true, nil
	})
	sort.SliceStable(f.secrets, func(i, j int) bool { return len(f.secrets[i]) > len(f.secrets[j]) })
}

func (f *faults) redact(s string) string {
	for _, secret := range f.secrets {
		s = strings.ReplaceAll(s, secret, redacted)
	}
	return s
}

// reason is what is wrong with a value, unless the value is sensitive.
func (l *loader) reason(a *hcl.Attribute, s scope, err error) string {
	if v, _ := l.eval(a.Expr, s); v.ContainsMarked() {
		return "the value, which is sensitive, cannot be understood"
	}
	return err.Error()
}

// marked reports whether what an expression sees holds a sensitive value.
func marked(ctx *hcl.EvalContext) bool {
	for _, v := range ctx.Variables {
		if v.ContainsMarked() {
			return true
		}
	}
	return false
}
