package law

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// floors are the least versions without a known vulnerability that loraconv
// could reach.
var floors = map[string]string{
	"go":                             "1.26.6",
	"github.com/hashicorp/go-plugin": "1.8.0",
	"github.com/hashicorp/hcl/v2":    "2.25.0",
	"github.com/klauspost/compress":  "1.20.3",
	"github.com/zclconf/go-cty":      "1.19.0",
	"golang.org/x/net":               "0.60.0",
	"google.golang.org/grpc":         "1.85.0",
	"google.golang.org/protobuf":     "1.36.12",
}

var requirement = regexp.MustCompile(`(?m)^\s*(?:require )?(\S+) v?([0-9]+\.[0-9]+\.[0-9]+)\S*(?: // indirect)?$`)

func TestVersionFloors(t *testing.T) {
	b, err := os.ReadFile("../../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]string{}
	for _, m := range requirement.FindAllStringSubmatch(string(b), -1) {
		have[m[1]] = m[2]
	}
	for module, floor := range floors {
		v, ok := have[module]
		if !ok {
			t.Errorf("%s is not required, so nothing keeps it at %s", module, floor)
		} else if less(v, floor) {
			t.Errorf("%s %s, wanted at least %s", module, v, floor)
		}
	}
}

func less(a, b string) bool {
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range x {
		m, _ := strconv.Atoi(x[i])
		n, _ := strconv.Atoi(y[i])
		if m != n {
			return m < n
		}
	}
	return false
}
