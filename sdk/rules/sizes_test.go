package rules

import (
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/tensor"
)

// Shapes that the rows' own words rule out, parameter by parameter.
func TestShapeFaults(t *testing.T) {
	type shapes = map[string]tensor.Shape
	row := func(axes, more string) string {
		return "  source = \"w\"\n  axes = \"" + axes + "\"\n  " + more + "\n  target = \"t\""
	}
	for _, c := range []struct {
		name, row string
		shapes    shapes
		want      string
	}{
		{"more positions than names", row("s d", "names = { s = [\"k\", \"v\"] }\n  to = \"s d\""), shapes{"w": {3, 4}}, `w has shape [3, 4]: axis 0 (s) is 3, wanted 2: k, v (row "row")`},
		{"an axis of one that is not", row("1 p", "to = \"p\""), shapes{"w": {2, 4}}, `w has shape [2, 4]: axis 0 is 2, wanted 1 (row "row")`},
		{"a size that the row states", row("k d", "size = { k = 3 }\n  to = \"d k\""), shapes{"w": {2, 4}}, `w has shape [2, 4]: axis 0 (k) is 2, wanted 3 (k = 3) (row "row")`},
		{"a group that does not come out", row("d (n h)", "size = { h = 3 }\n  to = \"(n h) d\""), shapes{"w": {2, 4}}, `w has shape [2, 4]: axis 1: (n h) is 4 here, which 3 does not divide (row "row")`},
		{"less than its segments", row("(q + k + v) d", "size = { q = 3, k = 2 }\n  to = \"(q + k + v) d\""), shapes{"w": {4, 4}}, `w has shape [4, 4]: axis 0: (q + k + v) is 4 here, wanted at least 5 (row "row")`},
		{"axes too many", row("d", "to = \"d\""), shapes{"w": {2, 4}}, `w has shape [2, 4]: it has 2 axes, wanted 1 (d) (row "row")`},
	} {
		in, _ := exportInput(t, c.row, c.shapes)
		in.Method = "base"
		if _, err := expandAndCheck(t, in); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v\nwanted %s", c.name, err, c.want)
		}
	}
	in, _ := exportInput(t, "  source = \"{s}\"\n  names = { s = [\"p\", \"q\"] }\n  axes = \"s d\"\n  to = \"s d\"\n  target = \"t\"", shapes{"p": {2}, "q": {2}})
	in.Method = "base"
	in.Sources[0].Manifest.Tensors[1].DType = tensor.Int32
	const want = `Parameters of different kinds are stored apart but belong together: p is float32, q is int32 (row "row")`
	if _, err := expandAndCheck(t, in); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v\nwanted %s", err, want)
	}
}
