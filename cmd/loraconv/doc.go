// Command loraconv converts LoRA fine-tunes: it reads a spec, asks the plugin
// of a framework for a plan, proves that the plan loses nothing, and computes
// it by streaming.
//
// One file here is one verb. What a verb does stands in cmd/internal/session;
// how it is printed, in cmd/internal/view.
package main
