// Command loraconv-plugin-maxtext is the maxtext plugin as an executable of its
// own. loraconv bundles the same plugin; LORACONV_PLUGIN_MAXTEXT names this one
// to take its place.
package main

import (
	"github.com/loraconv/loraconv/plugins/maxtext"
	"github.com/loraconv/loraconv/sdk/plugin"
)

func main() { plugin.Serve(maxtext.Converter{}) }
