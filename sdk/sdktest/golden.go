package sdktest

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/plan"
)

// Golden compares a plan's canonical encoding, a line for each tensor, with
// the file. With update it writes the file instead: give it a flag of the test,
// and review what changed like code.
func Golden(t testing.TB, p *plan.Plan, file string, update bool) {
	t.Helper()
	got, err := plan.Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	if update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("the plan is not that of %s (-want +got):\n%s", file, d)
	}
}
