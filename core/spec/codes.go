package spec

import "slices"

// The codes of this package. They are part of the contract with people who
// filter diagnostics by code: add, never rename.
const (
	codeArgument      = "unsupported-argument"
	codeBlock         = "unsupported-block"
	codeMissing       = "missing-argument"
	codeMissingBlock  = "missing-block"
	codeDuplicate     = "duplicate-definition"
	codeLabels        = "wrong-labels"
	codeName          = "invalid-name"
	codeSyntax        = "syntax"
	codeExpression    = "invalid-expression"
	codeFunction      = "unknown-function"
	codeType          = "wrong-type"
	codeValue         = "invalid-value"
	codeEnum          = "unknown-value"
	codeGlob          = "invalid-glob"
	codeRegex         = "invalid-regex"
	codeRoot          = "unknown-name"
	codeUnknownVar    = "unknown-variable"
	codeUnknownLocal  = "unknown-local"
	codeUnknownSource = "unknown-source"
	codeReference     = "invalid-reference"
	codeCycle         = "reference-cycle"
	codeUnset         = "missing-variable"
	codeValidation    = "variable-validation"
	codeForEach       = "invalid-for-each"
	codeRemote        = "remote-path"
	codePath          = "invalid-path"
	codeNotYet        = "not-supported-yet"
	codeVersion       = "version"
	codeRead          = "spec-unreadable"
	codeEmpty         = "empty-spec"
	codeTooLarge      = "spec-too-large"
	codeTooDeep       = "spec-too-deep"
	codeTooCostly     = "spec-too-costly"
	codeTooMany       = "too-many-faults"
	codeSchema        = "bad-schema"
	codeCondition     = "invalid-condition"
)

var codes = []string{
	codeArgument, codeBlock, codeMissing, codeMissingBlock, codeDuplicate, codeLabels,
	codeName, codeSyntax, codeExpression, codeFunction, codeType, codeValue,
	codeEnum, codeGlob, codeRegex, codeRoot, codeUnknownVar, codeUnknownLocal,
	codeUnknownSource, codeReference, codeCycle, codeUnset, codeValidation, codeForEach,
	codeRemote, codePath, codeNotYet, codeVersion, codeRead, codeEmpty,
	codeTooLarge, codeTooDeep, codeTooCostly, codeTooMany, codeCondition, codeSchema,
	CodeExpect,
}

// Codes lists the codes of this package, sorted. What they mean is told by the
// command that prints them.
func Codes() []string { return slices.Sorted(slices.Values(codes)) }
