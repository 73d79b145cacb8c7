package spec

import (
	"github.com/zclconf/go-cty/cty"
)

// Result is what a run did, as the conditions of expect blocks see it, under
// the name result. At plan time its attributes are unknown and have types.
//
//	result.conversion        string           name of the conversion
//	result.method            string           "merge", "base" or "adapter"
//	result.format            string           label of the output block
//	result.dtype             string           the conversion's dtype: "bfloat16", "mixed", …
//	result.tensors           number           tensors in the headers of the written files, read back
//	result.expected_tensors  number           tensors of the plan
//	result.merged            number           output tensors that LoRA changed or is in
//	result.target_modules    list(string)     last names of the modules that LoRA is on: "q_proj"
//	result.unused            list(string)     source parameters that no output tensor reads
//	result.dropped           list(object)     what was left out for a stated reason: from, name, reason
//	result.files             list(string)     files of the output, both receipts included
//	result.bytes             number           of all files but the receipts
//	result.warnings          list(string)     codes of the warnings of plan and run
//	result.nonfinite         number           NaN and infinite values written
//	result.drift             number           largest of the tensors' drifts
//	result.delta_retention   number           that of all tensors together; 1 where LoRA changed nothing
//	result.tensor["NAME"]    object           one output tensor:
//	  .dtype                 string
//	  .bytes                 number
//	  .merged                bool             LoRA changed it
//	  .nonfinite             number
//	  .drift                 number           largest |written - exact|, exact being the float64 result before rounding
//	  .base_norm             number           Frobenius norm of what LoRA was added to
//	  .delta_norm            number           Frobenius norm of what LoRA added
//	  .delta_retention       number           <written - base, delta> / <delta, delta>: 1 is all of the LoRA, 0 is none
//
// Drift, norms and retention take time: they are measured only for conversions
// that ask for them, by a check "drift" or by a condition that names them.
type Result struct {
	Measured                          bool // drift, norms and retention were measured; else they are not known
	Conversion, Method, Format, DType string
	Tensors, ExpectedTensors, Merged  int
	TargetModules, Unused             []string
	Dropped                           []DroppedParameter
	Files                             []string
	Bytes, NonFinite                  int64
	Warnings                          []string
	Drift, DeltaRetention             float64
	Tensor                            map[string]TensorResult
}

// DroppedParameter is one parameter that was left out for a reason.
type DroppedParameter struct{ From, Name, Reason string }

// TensorResult is one output tensor of a Result.
type TensorResult struct {
	DType                                      string
	Bytes, NonFinite                           int64
	Merged                                     bool
	Drift, BaseNorm, DeltaNorm, DeltaRetention float64
}

// measured are the attributes that cost time; they and result as a whole.
var measured = map[string]bool{"drift": true, "delta_retention": true, "tensor": true}

var (
	droppedType = cty.Object(map[string]cty.Type{"from": cty.String, "name": cty.String, "reason": cty.String})
	tensorType  = cty.Object(map[string]cty.Type{
		"dtype": cty.String, "bytes": cty.Number, "merged": cty.Bool, "nonfinite": cty.Number,
		"drift": cty.Number, "base_norm": cty.Number, "delta_norm": cty.Number, "delta_retention": cty.Number,
	})
	resultType = cty.Object(map[string]cty.Type{
		"conversion": cty.String, "method": cty.String, "format": cty.String, "dtype": cty.String,
		"tensors": cty.Number, "expected_tensors": cty.Number, "merged": cty.Number,
		"target_modules": cty.List(cty.String), "unused": cty.List(cty.String), "dropped": cty.List(droppedType),
		"files": cty.List(cty.String), "bytes": cty.Number, "warnings": cty.List(cty.String), "nonfinite": cty.Number,
		"drift": cty.Number, "delta_retention": cty.Number, "tensor": cty.Map(tensorType),
	})
)

// value is r as expressions see it.
func (r *Result) value() cty.Value {
	dropped := []cty.Value{}
	for _, d := range r.Dropped {
		dropped = append(dropped, cty.ObjectVal(map[string]cty.Value{
			"from": cty.StringVal(d.From), "name": cty.StringVal(d.Name), "reason": cty.StringVal(d.Reason),
		}))
	}
	measure := func(v float64) cty.Value {
		if !r.Measured {
			return cty.UnknownVal(cty.Number)
		}
		return cty.NumberFloatVal(v)
	}
	tensors := map[string]cty.Value{}
	for name, t := range r.Tensor {
		tensors[name] = cty.ObjectVal(map[string]cty.Value{
			"dtype": cty.StringVal(t.DType), "bytes": cty.NumberIntVal(t.Bytes), "merged": cty.BoolVal(t.Merged), "nonfinite": cty.NumberIntVal(t.NonFinite),
			"drift": measure(t.Drift), "base_norm": measure(t.BaseNorm), "delta_norm": measure(t.DeltaNorm), "delta_retention": measure(t.DeltaRetention),
		})
	}
	number := func(n int) cty.Value { return cty.NumberIntVal(int64(n)) }
	return cty.ObjectVal(map[string]cty.Value{
		"conversion": cty.StringVal(r.Conversion), "method": cty.StringVal(r.Method), "format": cty.StringVal(r.Format), "dtype": cty.StringVal(r.DType),
		"tensors": number(r.Tensors), "expected_tensors": number(r.ExpectedTensors), "merged": number(r.Merged),
		"target_modules": textsValue(r.TargetModules), "unused": textsValue(r.Unused), "dropped": listValue(droppedType, dropped),
		"files": textsValue(r.Files), "bytes": cty.NumberIntVal(r.Bytes), "warnings": textsValue(r.Warnings), "nonfinite": cty.NumberIntVal(r.NonFinite),
		"drift": measure(r.Drift), "delta_retention": measure(r.DeltaRetention), "tensor": mapValue(tensorType, tensors),
	})
}

func textsValue(texts []string) cty.Value {
	var out []cty.Value
	for _, t := range texts {
		out = append(out, cty.StringVal(t))
	}
	return listValue(cty.String, out)
}

func listValue(ty cty.Type, values []cty.Value) cty.Value {
	if len(values) == 0 {
		return cty.ListValEmpty(ty)
	}
	return cty.ListVal(values)
}

func mapValue(ty cty.Type, values map[string]cty.Value) cty.Value {
	if len(values) == 0 {
		return cty.MapValEmpty(ty)
	}
	return cty.MapVal(values)
}
