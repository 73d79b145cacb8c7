package openpi

import (
	"testing"

	"github.com/loraconv/loraconv/sdk/sdktest"
)

// What the host relies on, behind a real connection.
func TestConformance(t *testing.T) {
	pi0, pi05 := request(jaxTree(t, "jax_pi0.json"), "mixed", nil), request(jaxTree(t, "jax_pi05_lora.json"), "mixed", alpha16)
	pi0.Conversion, pi05.Conversion = "pi0", "pi0.5 with LoRA"
	sdktest.Conformance(t, Converter{}, pi0, pi05)
}
