package openpi

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/sdk"
)

// The built-in table prints in the notation that it is written in.
func TestRulesPrintAndParse(t *testing.T) {
	table, err := Table()
	if err != nil {
		t.Fatal(err)
	}
	again, err := rule.Parse(rule.Format(table), "printed")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(table, again); d != "" {
		t.Error(d)
	}
	said, err := Converter{}.Describe(t.Context(), sdk.DescribeRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if again, err = rule.Parse(said.Rules["openpi"], "said"); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(table, again); d != "" {
		t.Error(d)
	}
}
