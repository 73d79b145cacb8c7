package maxtext

import (
	"testing"

	"github.com/loraconv/loraconv/plugins/maxtext/mappingtest"
)

// Every target of upstream's tables is made of the elements that the table
// says, and of no others, and each element is what upstream's hooks make of the
// same parameters: its place and its factor. All but the layers is small here;
// the plugin's process is tested at the published sizes.
func TestMappingTables(t *testing.T) {
	for _, name := range mappingtest.Tables() {
		t.Run(name, func(t *testing.T) {
			want, req := mappingtest.ReadSmall(t, "testdata/mapping", name)
			resp, err := Converter{}.Plan(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			mappingtest.Check(t, req, resp)
			mappingtest.Compare(t, want, resp.Plan)
			mappingtest.CompareValues(t, name, want, req, resp.Plan)
		})
	}
}
