package wire

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/plan"
	"github.com/loraconv/loraconv/core/tensor"
	"github.com/loraconv/loraconv/sdk"
	pb "github.com/loraconv/loraconv/sdk/internal/wire/pluginv1"
)

func TestDecodeIsStrict(t *testing.T) {
	type doc struct {
		Name string         `json:"name"`
		Args map[string]any `json:"args"`
	}
	tests := []struct{ in, want string }{
		{`{"name":"a","args":{"b":{"c":[1,{"d":2},"x","y"]},"e":"c"}}`, ""},
		{` {"name":"a"} `, ""},
		{``, "unexpected end of JSON input"},
		{`{"name":"a"}{}`, "invalid character '{' after top-level value"},
		{`{"name":"a"`, "unexpected end of JSON input"},
		{`{"nom":"a"}`, `unknown field "nom"`},
		{`{"name":"a","name":"b"}`, `key "name" stands twice in one object, at byte 18`},
		{`{"args":{"x":[{"y":1,"y":1}]}}`, `key "y" stands twice`},
		{`{"args":{"x":"x","y":"x","z":{"x":1}}}`, ""},
		{`{"name":7}`, "cannot unmarshal number"},
		{`{"args":{"x":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}}`, "nested deeper than 64"},
		{`{"name":"` + strings.Repeat("a", 200) + `"}`, "at most 200 are read"},
	}
	for _, tt := range tests {
		var d doc
		err := decode("document", []byte(tt.in), 200, &d)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%.60s: got %v, wanted %q", tt.in, err, tt.want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain ünïcode 漢\n\tok": "plain ünïcode 漢\n\tok",
		"\x1b[31mred\x07":       `\x1b[31mred\x07`,
		"a\u202eb":              `a\u202eb`,
		"\xff\xfe":              `\xff\xfe`,
		"\r\x00\x7f":            `\x0d\x00\x7f`,
		"\ufffd":                `\ufffd`,
		"\u009b31m":             `\u009b31m`,
	} {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) is %q, wanted %q", in, got, want)
		}
	}
}

func TestDescribeRoundTrip(t *testing.T) {
	want := &sdk.DescribeResponse{Name: "openpi", Version: "1.0.0-rc.1", Trees: []string{"params", "items/*", "."}, Methods: []string{"merge", "adapter"},
		Source: sdk.Schema{Attributes: []sdk.Attribute{{Name: "alpha", Type: "map(number)", Required: true, Doc: "d", Enum: []string{"x"}, Path: true}},
			Blocks: []sdk.Block{{Name: "lora", Labels: []string{"expert"}, Max: 2, Rows: true, Doc: "d", Schema: sdk.Schema{Attributes: []sdk.Attribute{{Name: "a", Type: "any"}}}}}},
		Outputs: map[string]sdk.Schema{"pytorch": {}}, Rules: map[string]string{"rows": "rule \"x\" {}"}}
	m, err := EncodeDescribeResponse(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeDescribeResponse(m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDescribeIsChecked(t *testing.T) {
	ok := func() *sdk.DescribeResponse { return &sdk.DescribeResponse{Name: "p", Version: "1.0.0"} }
	attribute := func(names ...string) (s sdk.Schema) {
		for _, n := range names {
			s.Attributes = append(s.Attributes, sdk.Attribute{Name: n, Type: "string"})
		}
		return s
	}
	deep := sdk.Schema{}
	for range 10 {
		deep = sdk.Schema{Blocks: []sdk.Block{{Name: "b", Schema: deep}}}
	}
	tests := []struct {
		want   string
		change func(*sdk.DescribeResponse)
	}{
		{`name "" is not an identifier`, func(r *sdk.DescribeResponse) { r.Name = "" }},
		{`name "a/b" is not`, func(r *sdk.DescribeResponse) { r.Name = "a/b" }},
		{`version "one"`, func(r *sdk.DescribeResponse) { r.Version = "one" }},
		{`tree "../x"`, func(r *sdk.DescribeResponse) { r.Trees = []string{"../x"} }},
		{`tree "/etc"`, func(r *sdk.DescribeResponse) { r.Trees = []string{"/etc"} }},
		{`tree "a/../.."`, func(r *sdk.DescribeResponse) { r.Trees = []string{"a/../.."} }},
		{`method "guess"`, func(r *sdk.DescribeResponse) { r.Methods = []string{"guess"} }},
		{`method "base" is unknown or stands twice`, func(r *sdk.DescribeResponse) { r.Methods = []string{"base", "base"} }},
		{`argument "a" is not an identifier or stands twice`, func(r *sdk.DescribeResponse) { r.Source = attribute("a", "a") }},
		{`output "p": argument "x y"`, func(r *sdk.DescribeResponse) { r.Outputs = map[string]sdk.Schema{"p": attribute("x y")} }},
		{`nested deeper than 8`, func(r *sdk.DescribeResponse) { r.Source = deep }},
		{`table of rules "a b" is not`, func(r *sdk.DescribeResponse) { r.Rules = map[string]string{"a b": ""} }},
		{`table of rules "a" is not valid UTF-8`, func(r *sdk.DescribeResponse) { r.Rules = map[string]string{"a": "\xff"} }},
		{`table of rules "a" has 1048577 bytes`, func(r *sdk.DescribeResponse) { r.Rules = map[string]string{"a": strings.Repeat("#", 1<<20+1)} }},
		{`table of rules "a" has a character that cannot be printed`, func(r *sdk.DescribeResponse) { r.Rules = map[string]string{"a": "# \x1b[2J"} }},
		{`block "b": label "a b" is not an identifier`, func(r *sdk.DescribeResponse) { r.Source.Blocks = []sdk.Block{{Name: "b", Labels: []string{"a b"}}} }},
		{`argument "a" allows "\x1b"`, func(r *sdk.DescribeResponse) {
			r.Source = attribute("a")
			r.Source.Attributes[0].Enum = []string{"\x1b"}
		}},
		{`describe response has `, func(r *sdk.DescribeResponse) {
			r.Source = attribute("a")
			r.Source.Attributes[0].Doc = strings.Repeat("d", MaxDescribe)
		}},
		{`max is -1`, func(r *sdk.DescribeResponse) { r.Source.Blocks = []sdk.Block{{Name: "b", Max: -1}} }},
	}
	for _, tt := range tests {
		r := ok()
		tt.change(r)
		if _, err := EncodeDescribeResponse(r); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, wanted %q", err, tt.want)
		}
	}
	if _, err := EncodeDescribeResponse(ok()); err != nil {
		t.Error(err)
	}
}

func TestPlanRequestRoundTrip(t *testing.T) {
	yes, scale := true, 0.5
	want := sdk.PlanRequest{Conversion: "c", Method: "merge", DType: "bfloat16",
		Sources: []sdk.Source{{Name: "s", Role: "source", Weight: 0.1, Args: map[string]any{"n": 16.0, "s": "<&>", "l": []any{"x", true}}, Rows: "rule {}",
			Manifest: &manifest.Manifest{Format: "orbax", Metadata: []byte(`{"a":1}`), Fingerprint: "f", Tensors: []manifest.Tensor{{Name: "a", Path: []string{"a", "value"}, DType: tensor.BFloat16, Shape: tensor.Shape{1, 2}}}}}},
		Output: sdk.Output{Format: "pytorch", Args: map[string]any{}, Template: &sdk.Template{Files: []string{"config.json"}, Shapes: map[string]tensor.Shape{"x": {3}}, DTypes: map[string]string{"x": "float32"}}},
		Rules:  []sdk.TargetRule{{Name: "r", Match: []string{"*"}, Merge: &yes, Scale: &scale}}}
	m, err := EncodePlanRequest(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodePlanRequest(m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What a plugin answers is held against what it was asked.
func TestPlanResponse(t *testing.T) {
	asked := &sdk.PlanRequest{Rules: []sdk.TargetRule{{Name: "small"}, {Name: "large"}}}
	var broken, remark diag.List
	broken.Errorf(diag.Keys, "code", "Summary", "detail")
	remark.Warnf("code", "Summary", "detail")
	whole := func() *sdk.PlanResponse {
		return &sdk.PlanResponse{Diagnostics: remark, RulesHit: map[string]int{"small": 1, "large": 0}, Plan: &plan.Plan{
			Version: plan.Version, Sources: []string{"s"}, Output: plan.Output{Format: "pytorch", File: "model.safetensors"},
			Tensors: []plan.Tensor{{Name: "t", DType: tensor.Float32, Shape: tensor.Shape{2}, Rule: "q", Expr: &plan.Source{From: "s", Name: "t"}}},
		}}
	}
	m, err := EncodePlanResponse(whole())
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodePlanResponse(m, asked)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole(), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for want, change := range map[string]func(*pb.PlanResponse){
		"plan response holds neither a plan nor an error":              func(m *pb.PlanResponse) { m.Plan = nil },
		"plan response holds a plan and an error":                      func(m *pb.PlanResponse) { m.Diagnostics, _ = EncodeDiagnostics(broken) },
		`plan response: rule "small" is said to match 2 of 1 tensors`:  func(m *pb.PlanResponse) { m.RulesHit["small"] = 2 },
		`plan response: rule "small" is said to match -1 of 1 tensors`: func(m *pb.PlanResponse) { m.RulesHit["small"] = -1 },
		`plan response: rules_hit names rule "huge", which the spec`:   func(m *pb.PlanResponse) { m.RulesHit["huge"] = 1 },
		"plan response: plan line 1":                                   func(m *pb.PlanResponse) { m.Plan = []byte("{}\n") },
		"plan response: list of diagnostics":                           func(m *pb.PlanResponse) { m.Diagnostics = []byte("{") },
		"plan response: diagnostic 0: class": func(m *pb.PlanResponse) {
			m.Diagnostics = []byte(`[{"severity":1,"class":8,"code":"c","summary":"s"}]`)
		},
	} {
		m, err := EncodePlanResponse(whole())
		if err != nil {
			t.Fatal(err)
		}
		change(m)
		if _, err := DecodePlanResponse(m, asked); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, wanted %q", err, want)
		}
	}

	// The author meets the same faults, and a plan beside an error stays behind.
	if _, err := EncodePlanResponse(nil); err == nil {
		t.Error("nil passes")
	}
	if _, err := EncodePlanResponse(&sdk.PlanResponse{Diagnostics: remark}); err == nil || !strings.Contains(err.Error(), "neither a plan nor an error") {
		t.Error(err)
	}
	r := whole()
	r.Diagnostics = broken
	if m, err = EncodePlanResponse(r); err != nil || m.Plan != nil {
		t.Errorf("%v, %v", m, err)
	}
	if got, err := DecodePlanResponse(m, asked); err != nil || got.Plan != nil || !got.Diagnostics.HasErrors() {
		t.Errorf("%+v, %v", got, err)
	}
}

// A plugin in another language would meet the same.
func TestPlanRequestIsChecked(t *testing.T) {
	for want, sources := range map[string]string{
		`source "s" has no name or stands twice`: `[{"name":"s","manifest":{}},{"name":"s","manifest":{}}]`,
		`source "" has no name`:                  `[{"manifest":{}}]`,
		`source "s" has no manifest`:             `[{"name":"s"}]`,
	} {
		if _, err := DecodePlanRequest(&pb.PlanRequest{Json: []byte(`{"sources":` + sources + `}`)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, wanted %q", err, want)
		}
	}
}

func TestPlanRequestRoundsNothing(t *testing.T) {
	r := sdk.PlanRequest{Sources: []sdk.Source{{Name: "s", Args: map[string]any{"lora": []any{map[string]any{"alpha": int64(1<<53 + 1)}}}}}}
	if _, err := EncodePlanRequest(r); err == nil || !strings.Contains(err.Error(), "9007199254740993") {
		t.Errorf("got %v", err)
	}
	r.Sources[0].Args = map[string]any{"alpha": math.Inf(1)}
	if _, err := EncodePlanRequest(r); err == nil {
		t.Error("an infinite argument passes")
	}
}

func TestDiagnostics(t *testing.T) {
	var ds diag.List
	ds.Errorf(diag.Keys, "code", "Summary", "detail \x1b[0m").Path = []string{"source", "ft"}
	b, err := EncodeDiagnostics(ds)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeDiagnostics(b, converterClasses...)
	if err != nil || got[0].Detail != `detail \x1b[0m` || got[0].Class != diag.Keys || len(got[0].Path) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
	for in, want := range map[string]string{
		`[null]`: "diagnostic 0 is null",
		`[{"severity":2,"class":1,"code":"c","summary":"s"}]`:                                      "severity 2",
		`[{"severity":0,"class":8,"code":"c","summary":"s"}]`:                                      "class 8 is not for its sender to use",
		`[{"severity":0,"class":1,"code":"","summary":"s"}]`:                                       "must not be empty",
		`[{"severity":0,"class":1,"code":"c","summary":"` + strings.Repeat("s", maxText+1) + `"}]`: "at most 65536",
		`[{"severity":0,"class":1,"code":"c","summary":"s","range":{"file":"f","start":{"line":-1,"column":0,"byte":0},"end":{"line":0,"column":0,"byte":0}}}]`: "negative position",
		`[` + strings.Repeat(`{"severity":1,"class":0,"code":"c","summary":"s"},`, maxList) + `{"severity":1,"class":0,"code":"c","summary":"s"}]`:              "10001 entries",
	} {
		if _, err := DecodeDiagnostics([]byte(in), converterClasses...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: got %v, wanted %q", in, err, want)
		}
	}
}

func TestEvents(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	tests := []struct {
		name string
		in   []string
		want string // error of the last one
	}{
		{"a whole stream", []string{`{"phase":{"name":"stream"}}`, `{"progress":{"read":1,"read_all":2,"written":1,"all":2}}`, `{"tensor":{"index":1,"measured":{"drift":0,"base_norm":1,"delta_norm":0.5,"retention":0.9}}}`, `{"tensor":{"index":1,"sha256":"` + sum + `"}}`,
			`{"file":{"file":"model.safetensors","bytes":9,"sha256":"` + sum + `"}}`, `{"done":{"peak_rss":1,"chunks":2,"missing":0}}`}, ""},
		{"nothing set", []string{`{}`}, "0 fields are set"},
		{"two set", []string{`{"done":{},"phase":{"name":"x"}}`}, "2 fields are set"},
		{"phase", []string{`{"phase":{"name":"\u001b"}}`}, "phase"},
		{"backwards", []string{`{"progress":{"read":2}}`, `{"progress":{"read":1}}`}, "progress goes from"},
		{"each phase counts", []string{`{"progress":{"read":2,"written":2}}`, `{"phase":{"name":"digest"}}`, `{"progress":{"read":1}}`}, ""},
		{"backwards in a phase", []string{`{"phase":{"name":"digest"}}`, `{"progress":{"read":2}}`, `{"progress":{"read":1}}`}, "progress goes from"},
		{"negative", []string{`{"progress":{"read":-1}}`}, "progress goes from"},
		{"third time", []string{`{"tensor":{"index":0}}`, `{"tensor":{"index":0}}`, `{"tensor":{"index":0}}`}, "third time"},
		{"index", []string{`{"tensor":{"index":-1}}`}, "tensor -1 of 2"},
		{"negative measure", []string{`{"tensor":{"index":0,"measured":{"delta_norm":-1}}}`}, "measure is negative"},
		{"digest", []string{`{"tensor":{"index":0,"sha256":"` + strings.ToUpper(sum) + `"}}`}, "digest"},
		{"file twice", []string{`{"file":{"file":"model.safetensors","bytes":9,"sha256":"` + sum + `"}}`, `{"file":{"file":"model.safetensors","bytes":9,"sha256":"` + sum + `"}}`}, "reported twice"},
		{"more idle than there are", []string{`{"done":{"adapters":[{"source":"ad","terms":1,"idle":2}]}}`}, `2 of 1 updates of source "ad"`},
		{"after done", []string{`{"done":{}}`, `{"done":{}}`}, "after the last one"},
		{"failed for no reason", []string{`{"failed":{"diagnostics":[]}}`}, "failed without an error"},
		{"failed with a warning", []string{`{"failed":{"diagnostics":[{"severity":1,"class":0,"code":"c","summary":"s"}]}}`}, "failed without an error"},
		{"failed", []string{`{"failed":{"diagnostics":[{"severity":0,"class":2,"code":"c","summary":"s"}]}}`}, ""},
	}
	for _, tt := range tests {
		s := NewEvents(&sdk.ExecuteRequest{Placements: make([]sdk.Placement, 2), Digests: []string{"model.safetensors"}})
		var err error
		for i, in := range tt.in {
			if err != nil {
				t.Errorf("%s: event %d: %v", tt.name, i-1, err)
			}
			_, err = s.Decode(&pb.ExecuteEvent{Json: []byte(in)})
		}
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, wanted %q", tt.name, err, tt.want)
		}
	}
}

func TestExecuteRequestRoundTrip(t *testing.T) {
	want := &sdk.ExecuteRequest{Plan: []byte("{\"plan\":1}\n"), Sources: []sdk.ExecuteSource{{Name: "s", Root: "/r", Tree: "t", Fingerprint: "f"}}, Stage: "/stage",
		Placements: []sdk.Placement{{File: "f", Offset: 8}}, Digests: []string{"f"}, Memory: 1 << 30, Workers: 2, AllowNonFinite: []string{"*"}, FillMissing: true, SlowMillis: 1}
	m, err := EncodeExecuteRequest(want)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(m.Json), "cGxhbg") {
		t.Error("the plan is in the document, too")
	}
	got, err := DecodeExecuteRequest(m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if string(want.Plan) == "" {
		t.Error("the caller's request was changed")
	}
	want.Plan = make([]byte, MaxMessage)
	if _, err := EncodeExecuteRequest(want); err == nil {
		t.Error("a plan that fills a message passes")
	}
}

func TestUnknownFieldsOfMessages(t *testing.T) {
	m := &pb.DescribeRequest{Json: []byte(`{"host_version":"1"}`)}
	m.ProtoReflect().SetUnknown([]byte{0x78, 0x01}) // field 15, varint 1
	if _, err := DecodeDescribeRequest(m); err == nil || !strings.Contains(err.Error(), "2 bytes of unknown fields") {
		t.Errorf("got %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"name":"p","version":"1.0.0","source":{"attributes":[{"name":"a","type":"string","doc":""}]},"outputs":null,"trees":null,"methods":null,"rules":""}`))
	f.Add([]byte(`[{"severity":0,"class":1,"code":"c","summary":"s","range":null}]`))
	f.Add([]byte(`{"failed":{"diagnostics":[]}}`))
	f.Add([]byte(`{"tensor":{"index":1}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := DecodeDescribeResponse(&pb.DescribeResponse{Json: b}); err == nil {
			m, err := EncodeDescribeResponse(r)
			if err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			again, err := DecodeDescribeResponse(m)
			if err != nil || !cmp.Equal(r, again) {
				t.Fatalf("%v\n%s", err, cmp.Diff(r, again))
			}
		}
		if ds, err := DecodeDiagnostics(b, converterClasses...); err == nil {
			for _, d := range ds {
				if s := fmt.Sprint(d); Clean(s) != s {
					t.Fatalf("%q is not clean", s)
				}
			}
		}
		_, _ = DecodePlanResponse(&pb.PlanResponse{Plan: b}, &sdk.PlanRequest{})
		_, _ = DecodePlanRequest(&pb.PlanRequest{Json: b})
		_, _ = DecodeExecuteRequest(&pb.ExecuteRequest{Json: b})
		_, _ = NewEvents(&sdk.ExecuteRequest{Placements: make([]sdk.Placement, 2)}).Decode(&pb.ExecuteEvent{Json: b})
	})
}
