// Package rules expands a table of rows (package core/rule) over the manifests
// of a conversion's sources, which gives a plan or the reasons why there is
// none. From the same rows follow the merged tensors, the base tensors, an
// adapter's factors, the shape checks and the list of what is missing. Input
// says what a plugin gives, Result what it gets.
//
// The order of work, each step in a file of its name:
//
//	tree       take off the prefix that all names share
//	sites      find where each block stands, in every source
//	instance   one for each row, site and combination of its captures, where
//	           the row's condition holds; it claims its parameters
//	pairs      each instance claims its LoRA factors
//	sizes      every axis votes for its letter's size; a minority is an error
//	leftovers  what nobody claimed is dropped by a rule or refused by name
//	lines      one plan line for each combination of the target's letters: merge
//	           adds LoRA, move brings axes to their place; with method
//	           "adapter", adapter, factors and delta write the pairs instead
//	facts      what was read off names and shapes, for people
//
// It knows no framework's names, and plugins need nothing else of loraconv
// but package sdk.
package rules
