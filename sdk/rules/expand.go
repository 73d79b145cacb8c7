package rules

import (
	"fmt"
	"slices"

	"github.com/zclconf/go-cty/cty"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/rule"
	"github.com/loraconv/loraconv/sdk"
)

// Input is what Expand works on. A plugin fills in Table, Sources, Method, DType
// and Targets, and Facts if its rows ask for any; the rest may be left out.
type Input struct {
	Table   *rule.Table
	Sources []sdk.Source // PlanRequest.Sources: the base first; adapters after it
	// Facts are names that expressions may use, beside letters and captures. One
	// that is text may stand in a target's name, as {name}.
	Facts map[string]cty.Value
	// Unknown names facts that nobody said: an expression that needs one gives
	// that diagnostic instead of a value.
	Unknown map[string]*diag.Diagnostic
	// PerParam, if set, gives further facts for one base parameter, named
	// without its root: the alpha that a pattern assigns to it.
	PerParam func(param string) map[string]cty.Value
	// PerSource, if set, gives further facts for the LoRA pairs of one source:
	// an alpha of its own for each adapter.
	PerSource func(source string) map[string]cty.Value

	// Module, if set, gives the path under which a module is known to the
	// runtime that loads an adapter, or why it takes no adapter. path is a
	// target's name without ".weight", or what its row says as module.
	Module func(path string) (as, reason string)

	// Alone says that the one source is an adapter without its base: rows apply
	// where their factors are, and shapes follow from the factors and Known. The
	// method is "adapter".
	Alone bool
	// Known are sizes that factors may not tell, by the name that the table gives
	// a letter; shapes that say otherwise are errors.
	Known map[string]Known
	// Counts are how many instances the whole model has of a block, where an
	// adapter may cover some of them alone.
	Counts map[string]Known

	Method  string           // "merge", "base" or "adapter"; a plugin settles its default before
	DType   string           // as PlanRequest.DType, but never ""
	Targets []sdk.TargetRule // PlanRequest.Rules
}

// Result is a plan's tensors, drops and facts, or errors: the fields of a
// plan.Plan and of an sdk.PlanResponse that the rows can tell. With an error
// among Diagnostics the rest is not to be used.
type Result struct {
	Tensors     []plan.Tensor
	Drops       []plan.Drop
	Facts       []plan.Fact    // sizes, counts and ranks, and what they were read off
	Merged      int            // LoRA pairs that are folded in, each once for each tensor that it changes
	RulesHit    map[string]int // for PlanResponse.RulesHit
	Diagnostics diag.List

	// With method "adapter", Tensors are pairs of factors as PEFT names them.
	Modules []Module      // what has LoRA, in the order of its tensors
	Deltas  []plan.Delta  // what each module must amount to, for plan.Plan
	Targets []plan.Tensor // names and shapes, without Expr, of what the base alone would give
}

// Codes of the diagnostics that Expand reports; `loraconv explain CODE` has what
// there is to say about each.
const (
	CodeMissing  = "missing-parameter" // a required row, or an instance of a block, without its parameter
	CodeUnpaired = "unpaired-lora"     // half a LoRA pair, or a parameter with two
	CodeShape    = "shape-mismatch"    // sizes that contradict one another or the row
	CodeRefused  = "refused-parameter" // what a refuse block matches
	CodeRule     = "rule-invalid"      // an expression of a row that cannot be computed
	CodeRuntime  = "no-runtime-type"   // "mixed" of a table that does not say what that is
)

// Expand brings a table and manifests together. What is wrong with the
// checkpoint is in Result.Diagnostics, all of it at once; an error is a fault
// of the table or of the Input. It reads nothing but the Input and changes none
// of it.
func Expand(in Input) (*Result, error) {
	if err := in.admit(); err != nil {
		return nil, err
	}
	x := &expansion{
		Input: in, res: &Result{RulesHit: map[string]int{}},
		known: map[string]bool{}, formulas: map[string]*rule.Expr{}, dropped: map[string]bool{}, used: map[string]bool{}, gaps: map[string]bool{}, uncounted: map[string]bool{},
	}
	x.trees = make([]*tree, len(in.Sources))
	for i := range in.Sources {
		x.trees[i] = newTree(&in.Sources[i], in.Table.Roots)
	}
	if err := x.targets(); err != nil {
		return nil, err
	}
	if err := x.findSites(); err != nil {
		return nil, err
	}
	if err := x.instances(); err != nil {
		return nil, err
	}
	x.sizes()
	x.checkCounts()
	if err := x.leftovers(); err != nil {
		return nil, err
	}
	if x.res.Diagnostics.HasErrors() {
		return x.res, nil
	}
	if err := x.lines(); err != nil {
		return nil, err
	}
	if x.res.Diagnostics.HasErrors() {
		return x.res, nil
	}
	if x.Method == "adapter" {
		x.dropBases()
	}
	x.settleDrops()
	x.facts()
	return x.res, nil
}

var (
	methods    = []string{"merge", "base", "adapter"}
	dtypeNames = []string{"float32", "bfloat16", "float16", "mixed", "source"}
)

// admit refuses what no table could make a plan of: a fault of the caller.
func (in *Input) admit() error {
	if in.Table == nil {
		return fmt.Errorf("nothing to expand: no table")
	}
	if len(in.Sources) == 0 {
		return fmt.Errorf("nothing to expand: no source")
	}
	for _, s := range in.Sources {
		if s.Manifest == nil {
			return fmt.Errorf("source %q has no manifest", s.Name)
		}
	}
	if !slices.Contains(methods, in.Method) {
		return fmt.Errorf("method %q, wanted one of %q; a plugin settles its default before", in.Method, methods)
	}
	if !slices.Contains(dtypeNames, in.DType) {
		return fmt.Errorf("dtype %q, wanted one of %q; a plugin settles its default before", in.DType, dtypeNames)
	}
	for _, t := range in.Targets {
		if t.DType != "" && !slices.Contains(dtypeNames, t.DType) {
			return fmt.Errorf("rule %q: dtype %q, wanted one of %q", t.Name, t.DType, dtypeNames)
		}
	}
	if in.Alone && (len(in.Sources) != 1 || in.Method != "adapter") {
		return fmt.Errorf("an adapter without its base is one source, of method \"adapter\"")
	}
	return nil
}

// expansion is the state of one Expand.
type expansion struct {
	Input
	res     *Result
	trees   []*tree // one for each source
	insts   []*instance
	votes   votes
	target  []targetRule
	absent  []absence
	missing []string // relative names that a required row did not find

	stacks     map[string]int // length of stack axes; nil until the bases are known
	blockFacts []blockFact
	choices    []plan.Fact
	gaps       map[string]bool       // blocks of which a number is left out
	uncounted  map[string]bool       // blocks whose count was asked for and is not known
	unmixed    bool                  // a row's type in the "mixed" layout is asked for and not known
	suggested  int                   // names that were compared with all others
	lineCount  int                   // lines that are written, or will be next
	known      map[string]bool       // answers of has
	formulas   map[string]*rule.Expr // what stands in braces, parsed
	dropped    map[string]bool       // adapter elements that a line leaves out
	used       map[string]bool       // adapter elements that a line merges
	delta      *delta                // nil but while the line of a delta is written
}

// absence is a required row without its parameter.
type absence struct{ rule, name string }
