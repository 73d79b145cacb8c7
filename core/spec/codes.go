package spec

import "sort"

// Code is the stable name of a fault, and what it means in one sentence.
type Code struct{ Name, Doc string }

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

var codeDocs = map[string]string{
	codeArgument:      "A block has an argument that it does not know.",
	codeBlock:         "A block stands where blocks of its type are not expected.",
	codeMissing:       "An argument that the block needs is absent.",
	codeMissingBlock:  "A block that must be there is absent.",
	codeDuplicate:     "The same thing is defined twice.",
	codeLabels:        "A block has more or fewer labels than its type takes.",
	codeName:          "A name is not of the form that references need: a letter, then letters, digits, _ or -.",
	codeSyntax:        "The text is not valid HCL or JSON.",
	codeExpression:    "An expression could not be evaluated.",
	codeFunction:      "A function is called that does not exist.",
	codeType:          "A value is not of the type that its argument takes.",
	codeValue:         "A value is of the right type and still not allowed.",
	codeEnum:          "A value is not one of the few that its argument takes.",
	codeGlob:          "A glob cannot be understood.",
	codeRegex:         "A regular expression cannot be understood, or is too large.",
	codeRoot:          "An expression begins with a name that means nothing here.",
	codeUnknownVar:    "A variable is used or set that the spec does not declare.",
	codeUnknownLocal:  "A local value is used that the spec does not define.",
	codeUnknownSource: "A source is referred to that the spec does not declare.",
	codeReference:     "A reference is not of a form that its argument takes.",
	codeCycle:         "A value depends on itself.",
	codeUnset:         "A variable has neither a value nor a default.",
	codeValidation:    "A variable's value does not meet the condition in its validation block.",
	codeForEach:       "for_each is not a map or a set of strings, or has too many elements.",
	codeRemote:        "A path names a remote store; no store can read it yet.",
	codePath:          "A path is empty or cannot name a file.",
	codeNotYet:        "This part of the language is not built yet.",
	codeVersion:       "This loraconv is not of a version that the spec accepts, or the constraint cannot be understood.",
	codeRead:          "A spec or a file of variables could not be read.",
	codeEmpty:         "The spec has no conversion.",
	codeTooLarge:      "A spec is larger than loraconv reads.",
	codeTooDeep:       "A spec nests deeper, or chains longer, than loraconv reads.",
	codeTooCostly:     "An expression needs more work or memory than loraconv gives a spec.",
	codeTooMany:       "There are more faults than are shown.",
	codeCondition:     "The condition of an expect block judges nothing, or is not known after the run.",
	CodeExpect:        "The result of a run does not meet a condition of the spec. Nothing was published.",
	codeSchema:        "A plugin described its arguments in a way that cannot be understood.",
}

// Codes lists the codes of this package by name.
func Codes() []Code {
	out := make([]Code, 0, len(codeDocs))
	for name, doc := range codeDocs {
		out = append(out, Code{name, doc})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}
