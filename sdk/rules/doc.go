// Package rules expands a table of rows (package core/rule) over the manifests
// of a conversion's sources, which gives a plan or the reasons why there is
// none. From the same rows follow the merged tensors, the base tensors, the
// shape checks and the list of what is missing.
//
// The order of work:
//
//	roots      take off the prefix that all names share
//	instances  one for each row and each combination of its captures, where
//	           the row's condition holds
//	claims     each instance finds its parameters and its LoRA factors
//	sizes      every axis votes for its letter's size; a minority is an error
//	leftovers  what nobody claimed is dropped by a rule or refused by name
//	lines      one plan line for each combination of the target's letters
//
// It knows no framework's names, and plugins need nothing else of loraconv
// but package sdk.
package rules
