package openpi

import (
	"fmt"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
)

// Guess says which model a tree is, and from what that follows; ok is false
// where its names are not openpi's at all. It is for people who look at a
// checkpoint: a conversion detects again, and says what it detected.
func Guess(m *manifest.Manifest) (model, from string, ok bool) {
	for i := range m.Tensors {
		if strings.HasPrefix(strings.TrimPrefix(m.Tensors[i].Name, "params/"), "PaliGemma/llm/") {
			ok = true
			break
		}
	}
	if !ok {
		return "", "", false
	}
	t := readTree(m)
	from = t.modelFrom
	for i, x := range []string{"language model", "action expert"} {
		if v := t.variant[i]; v != "" {
			from += fmt.Sprintf("; %s %s", x, v)
		}
	}
	return t.model, from, true
}
