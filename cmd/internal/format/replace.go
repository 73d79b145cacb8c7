package format

import (
	"os"

	"github.com/loraconv/loraconv/core/atomicfile"
)

// Replace gives a file other content, as atomicfile.Replace does, and keeps its
// mode.
func Replace(name string, data []byte) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	return atomicfile.Replace(name, data, st.Mode())
}
