package wire

import (
	"github.com/hashicorp/go-plugin"

	"github.com/loraconv/loraconv/sdk"
)

// Version is the protocol version that this loraconv speaks, sdk.Protocol. The host offers
// all versions that it knows, the plugin takes the highest that both know.
const Version = sdk.Protocol

// PluginName is the one entry of the plugin set.
const PluginName = "loraconv"

// Handshake lets a plugin notice that it was started by hand. It is no secret
// and no protection: AutoMTLS and the private socket directory are.
var Handshake = plugin.HandshakeConfig{
	ProtocolVersion:  Version,
	MagicCookieKey:   "LORACONV_PLUGIN",
	MagicCookieValue: "8f0f3c1d-6f0e-4d1c-9b0a-5a1f6f1f7c52",
}

// Environment variables that the host sets beyond those of go-plugin.
const (
	// EnvLifeline holds the number of a descriptor that reads end-of-file when
	// the host is gone.
	EnvLifeline = "LORACONV_PLUGIN_LIFELINE"
	// EnvLog holds the hclog level that the host will show.
	EnvLog = "LORACONV_PLUGIN_LOG"
)
