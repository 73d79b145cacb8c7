package maxtext

import (
	"testing"

	"github.com/loraconv/loraconv/plugins/maxtext/mappingtest"
)

// At the published sizes, every target of upstream's table is made of the
// elements that the table says, and of no others; nothing is left over.
func TestMappingTables(t *testing.T) {
	for _, name := range mappingtest.Tables() {
		t.Run(name, func(t *testing.T) {
			want, req := mappingtest.Read(t, "testdata/mapping", name)
			resp, err := Converter{}.Plan(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			mappingtest.Check(t, req, resp)
			mappingtest.Compare(t, want, resp.Plan)
		})
	}
}
