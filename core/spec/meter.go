package spec

import (
	"fmt"
	"math/big"
	"slices"

	"github.com/zclconf/go-cty/cty"
)

// What evaluating one spec may cost. A for over a for over ranges, a local
// that doubles another thirty times, or format("%999999999d") would otherwise
// take all memory from a spec of a few hundred bytes.
const (
	maxSteps  = 200_000  // expressions evaluated
	maxValues = 200_000  // elements of collections made or read
	maxText   = 16 << 20 // bytes of text made or read
	maxExp    = 4096     // binary exponent of a number
)

const costSummary = "Expression too costly"

// meter counts what evaluation has cost. Once it is spent every further
// evaluation fails, so that try() cannot hide it.
type meter struct {
	steps, values, text int
	spent               string // why, or ""
}

func (m *meter) step() bool {
	m.steps++
	if m.steps > maxSteps {
		m.spend(fmt.Sprintf("Evaluating this spec takes more than %d steps.", maxSteps))
	}
	return m.spent == ""
}

func (m *meter) spend(why string) {
	if m.spent == "" {
		m.spent = why
	}
}

func (m *meter) addText(n int) {
	if m.text += n; m.text > maxText || m.text < 0 {
		m.spend("Evaluating this spec makes more than 16 MiB of text.")
	}
}

func (m *meter) addValues(n int) {
	if m.values += n; m.values > maxValues || m.values < 0 {
		m.spend(fmt.Sprintf("Evaluating this spec makes more than %d elements.", maxValues))
	}
}

// charge counts a value with all that is in it, every element as often as it
// occurs.
func (m *meter) charge(v cty.Value) {
	v, _ = v.Unmark()
	m.addValues(1)
	if m.spent != "" || !v.IsKnown() || v.IsNull() {
		return
	}
	switch ty := v.Type(); {
	case ty == cty.String:
		m.addText(len(v.AsString()))
	case ty == cty.Number:
		if f := v.AsBigFloat(); hugeNumber(f) {
			m.spend("A number has more than 4096 binary digits before or after the point.")
		}
	case ty.IsCollectionType() || ty.IsObjectType() || ty.IsTupleType():
		for it := v.ElementIterator(); it.Next() && m.spent == ""; {
			k, e := it.Element()
			if k.Type() == cty.String {
				m.charge(k)
			}
			m.charge(e)
		}
	}
}

// maxDigits is the length of the longest text that is read as a number.
const maxDigits = 1024

const longDigits = "A text of more than 1024 bytes stands where a number is expected."

// longText reports whether a value holds a text longer than n.
func longText(v cty.Value, n int) bool {
	v, _ = v.Unmark()
	if !v.IsKnown() || v.IsNull() {
		return false
	}
	if v.Type() == cty.String {
		return len(v.AsString()) > n
	}
	if v.CanIterateElements() {
		for it := v.ElementIterator(); it.Next(); {
			if _, e := it.Element(); longText(e, n) {
				return true
			}
		}
	}
	return false
}

// holdsNumber reports whether a type is number, or has one in it.
func holdsNumber(ty cty.Type) bool {
	switch {
	case ty == cty.Number:
		return true
	case ty.IsCollectionType():
		return holdsNumber(ty.ElementType())
	case ty.IsTupleType():
		return slices.ContainsFunc(ty.TupleElementTypes(), holdsNumber)
	case ty.IsObjectType():
		for _, t := range ty.AttributeTypes() {
			if holdsNumber(t) {
				return true
			}
		}
	}
	return false
}

func hugeNumber(f *big.Float) bool {
	if f.IsInf() {
		return false // reported where it is used
	}
	e := f.MantExp(nil)
	return e > maxExp || e < -maxExp
}
