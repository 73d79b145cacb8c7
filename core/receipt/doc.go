// Package receipt is what an output says about itself.
//
//	loraconv.manifest.json    files, tensors, digests and the accounting: a
//	                          function of plan and sources alone
//	loraconv.provenance.json  an in-toto statement: what was read, which plugin
//	                          ran, when
//
// Verify compares a directory with its manifest. The package does no
// arithmetic on weights.
package receipt
