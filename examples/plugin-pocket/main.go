// Command loraconv-plugin-pocket is a plugin of loraconv for a made-up
// framework, and an example of how to write one: pocket.rows holds what is
// known of the framework, pocket.go what no row can say.
package main

import "github.com/loraconv/loraconv/sdk/plugin"

func main() { plugin.Serve(Converter{}) }
