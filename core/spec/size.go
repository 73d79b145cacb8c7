package spec

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// The bounds of compute's memory, in bytes, and of its workers.
const (
	DefaultMemory = 1 << 30
	MinMemory     = 128 << 20
	MaxWorkers    = 1024
)

var units = map[string]int64{
	"": 1, "B": 1,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
	"KB": 1e3, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
}

// ParseSize reads a number of bytes such as "1GiB", "1.5 GB" or "536870912".
// The error says what is wrong with the text.
func ParseSize(s string) (int64, error) {
	text := strings.TrimSpace(s)
	i := 0
	for i < len(text) && (text[i] >= '0' && text[i] <= '9' || text[i] == '.') {
		i++
	}
	unit, ok := units[strings.TrimSpace(text[i:])]
	n, isNumber := new(big.Rat).SetString(text[:i])
	if !ok || !isNumber || i > 32 {
		return 0, fmt.Errorf("%q is not a size: write a number and a unit, such as \"1GiB\", \"256MiB\" or \"4GB\"", s)
	}
	n.Mul(n, new(big.Rat).SetInt64(unit))
	if !n.IsInt() {
		return 0, fmt.Errorf("%q is not a whole number of bytes", s)
	}
	if n.Cmp(new(big.Rat).SetInt64(math.MaxInt64)) > 0 {
		return 0, fmt.Errorf("%q is larger than any memory", s)
	}
	return n.Num().Int64(), nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
