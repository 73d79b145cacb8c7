package openpi

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
)

// Guess says which model a tree is, and from what that follows; ok is false
// where its names are not openpi's at all. It is for people who look at a
// checkpoint: a conversion detects again, and says what it detected.
func Guess(m *manifest.Manifest) (model, from string, ok bool) {
	if !holds(m, "PaliGemma/llm/") {
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

// holds says whether a parameter's name begins so, below the root or without.
func holds(m *manifest.Manifest, prefix string) bool {
	return slices.ContainsFunc(m.Tensors, func(t manifest.Tensor) bool {
		return strings.HasPrefix(strings.TrimPrefix(t.Name, "params/"), prefix)
	})
}

// isOpenPI refuses another framework's checkpoint in one sentence, where the
// rows would report each of their parameters as missing.
func (c *conversion) isOpenPI() bool {
	m := c.source().Manifest
	if holds(m, "PaliGemma/") {
		return true
	}
	found, hint := "it is empty", "name the step directory or its params"
	if len(m.Tensors) > 0 {
		found = fmt.Sprintf("it holds %s, the first being %s", count(len(m.Tensors), "parameter"), m.Tensors[0].Name)
	}
	for i := range m.Tensors {
		n := m.Tensors[i].Name
		if strings.HasPrefix(n, "paligemma_with_expert.") {
			hint = "these are the names of openpi's PyTorch model, so it is converted already; name the JAX checkpoint that it was made of"
			break
		}
		if at := strings.Index(n, "PaliGemma/"); at > 0 {
			hint = fmt.Sprintf("the model lies below %s: save it again as {\"params\": …}, as openpi's own saves are", n[:at])
			break
		}
	}
	c.resp.Diagnostics.Errorf(diag.Keys, "not-openpi", "The checkpoint is not openpi's",
		"no parameter of source %q is below PaliGemma/ or params/PaliGemma/; %s; %s", c.source().Name, found, hint).Path = c.path("path")
	return false
}
