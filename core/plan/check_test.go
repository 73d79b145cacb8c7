package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/tensor"
)

// small is a source with a base weight, its LoRA, and odd neighbours.
func small() Manifests {
	m := &manifest.Manifest{Tensors: []manifest.Tensor{
		{Name: "w", DType: tensor.BFloat16, Shape: tensor.Shape{3, 4, 6}},
		{Name: "a", DType: tensor.Float32, Shape: tensor.Shape{3, 4, 2}},
		{Name: "b", DType: tensor.Float32, Shape: tensor.Shape{3, 2, 6}},
		{Name: "e", DType: tensor.Float32, Shape: tensor.Shape{10, 4}},
		{Name: "i", DType: tensor.Int32, Shape: tensor.Shape{5}},
		{Name: "big", DType: tensor.Float64, Shape: tensor.Shape{2}},
	}}
	m.Sort()
	return Manifests{"s": m}
}

func src(name string, index ...int) *Source {
	s := &Source{From: "s", Name: name}
	for i, p := range index {
		s.Index = append(s.Index, At{Axis: i, Pos: p})
	}
	return s
}

func merged(l int) *Merge {
	return &Merge{Base: src("w", l), Terms: []Term{{A: src("a", l), B: src("b", l), Einsum: "d r, r h -> d h", Scale: 2}}}
}

// good is a plan over small that loses nothing.
func good() *Plan {
	p := &Plan{Version: Version, Sources: []string{"s"}, Output: Output{Format: "f", File: "model.safetensors"}}
	for l := range 3 {
		p.Tensors = append(p.Tensors, Tensor{Name: string(rune('0' + l)), DType: tensor.Float32, Shape: tensor.Shape{6, 4}, Rule: "merge",
			Expr: &Rearrange{X: merged(l), Pattern: "d h -> h d"}})
	}
	p.Tensors = append(p.Tensors,
		Tensor{Name: "e", DType: tensor.Float32, Shape: tensor.Shape{8, 4}, Rule: "cut", Expr: &Slice{X: src("e"), Axis: 0, Start: 0, Size: 8}},
		Tensor{Name: "i", DType: tensor.Int32, Shape: tensor.Shape{5}, Rule: "move", Expr: src("i")})
	p.Drops = []Drop{
		{From: "s", Name: "e", Part: &Part{Axis: 0, Start: 8, Size: 2}, Reason: "padding"},
		{From: "s", Name: "big", Reason: "not a weight"},
	}
	p.Sort()
	return p
}

func TestGoodPlan(t *testing.T) {
	p := good()
	if err := Check(p, small()).Err(); err != nil {
		t.Fatal(err)
	}
	b, err := Encode(p)
	if err != nil {
		t.Fatal(err)
	}
	q, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(p, q); d != "" {
		t.Error(d)
	}
	if !strings.Contains(string(b), `{"drop":{"from":"s","name":"e","part":[0,8,2],"reason":"padding"}}`) {
		t.Errorf("the part is not in\n%s", b)
	}
}

// Check's refusals, with the whole text that a user or an author reads.
func TestCheckRefusals(t *testing.T) {
	tensorOf := func(x Expr, d tensor.DType, s ...int) func(*Plan) {
		return func(p *Plan) {
			p.Tensors = append(p.Tensors, Tensor{Name: "new", DType: d, Shape: s, Rule: "r", Expr: x})
		}
	}
	f32 := tensor.Float32
	invalid := "The plugin returned a plan that cannot be run: "
	cannot := `A tensor cannot be computed: new (row "r"): `
	for _, c := range []struct {
		name string
		edit func(*Plan)
		want string
	}{
		{"version", func(p *Plan) { p.Version = 7 }, invalid + "plan version 7, wanted 1"},
		{"source unknown", func(p *Plan) { p.Sources = append(p.Sources, "x") }, invalid + `source "x" is unknown or named twice`},
		{"source twice", func(p *Plan) { p.Sources = append(p.Sources, "s") }, invalid + `source "s" is unknown or named twice`},
		{"source left out", func(p *Plan) { p.Sources = nil }, invalid + `source "s" is not in the plan`},
		{"output file", func(p *Plan) { p.Output.File = "../x" }, invalid + `output file "../x"`},
		{"file outside", func(p *Plan) { p.Files = []File{{From: "s", Path: "/etc/passwd", To: "x"}} }, invalid + `file "/etc/passwd" of "s" cannot be copied`},
		{"file twice", func(p *Plan) { p.Documents = []Document{{Path: "model.safetensors"}} }, invalid + `output file "model.safetensors" is named twice or is not a plain relative path`},
		{"name empty", func(p *Plan) { p.Tensors[0].Name = "" }, `An output tensor's name cannot be used: "": it has 0 bytes, wanted 1 to 1024 (row "merge")`},
		{"name long", func(p *Plan) { p.Tensors[0].Name = strings.Repeat("x", 1025) }, `An output tensor's name cannot be used: "` + strings.Repeat("x", 1025) + `": it has 1025 bytes, wanted 1 to 1024 (row "merge")`},
		{"name control", func(p *Plan) { p.Tensors[0].Name = "a\nb" }, `An output tensor's name cannot be used: "a\nb": it holds bytes that are not printable text (row "merge")`},
		{"name not UTF-8", func(p *Plan) { p.Tensors[0].Name = "a\xff" }, `An output tensor's name cannot be used: "a\xff": it holds bytes that are not printable text (row "merge")`},
		{"made twice", func(p *Plan) { p.Tensors[1].Name = "0" }, `Two rows make one output tensor: "0" is made by row "merge" and by row "merge"`},
		{"no such parameter", tensorOf(src("x"), f32, 1), cannot + `source "s" has no parameter "x"`},
		{"no such source", tensorOf(&Source{From: "t", Name: "w"}, f32, 1), cannot + `no source is named "t"`},
		{"index outside", tensorOf(src("w", 3), f32, 4, 6), cannot + "w: index 3 on axis 0 is outside the shape [3, 4, 6]"},
		{"index negative", tensorOf(src("w", -1), f32, 4, 6), cannot + "w: index -1 on axis 0 is outside the shape [3, 4, 6]"},
		{"index order", tensorOf(&Source{From: "s", Name: "w", Index: []At{{1, 0}, {0, 0}}}, f32, 6), cannot + "w: index on axis 0 is out of order or outside the shape [3, 4, 6]"},
		{"shape said", tensorOf(src("e"), f32, 4, 10), cannot + "its expression has shape [10, 4], the plan says [4, 10]"},
		{"slice", tensorOf(&Slice{X: src("e"), Axis: 0, Start: 5, Size: 6}, f32, 6, 4), cannot + "slice of 6 from 5 on axis 0 is outside the shape [10, 4]"},
		{"slice axis", tensorOf(&Slice{X: src("e"), Axis: 2, Start: 0, Size: 1}, f32, 1), cannot + "slice of 1 from 0 on axis 2 is outside the shape [10, 4]"},
		{"slice overflow", tensorOf(&Slice{X: src("e"), Axis: 0, Start: 1 << 62, Size: 1 << 62}, f32, 1), cannot + "slice of 4611686018427387904 from 4611686018427387904 on axis 0 is outside the shape [10, 4]"},
		{"concat of nothing", tensorOf(&Concat{}, f32, 1), cannot + "concat of nothing"},
		{"concat shapes", tensorOf(&Concat{Xs: []Expr{src("e"), src("w", 0)}, Axis: 0}, f32, 14, 4), cannot + "concat on axis 0 of shapes [10, 4] and [4, 6]"},
		{"concat ranks", tensorOf(&Concat{Xs: []Expr{src("e"), src("i")}, Axis: 0}, f32, 15), cannot + "concat of shapes [10, 4] and [5]"},
		{"concat axis", tensorOf(&Concat{Xs: []Expr{src("i")}, Axis: 1}, f32, 5), cannot + "concat on axis 1 of shape [5]"},
		{"pattern labels", tensorOf(&Rearrange{X: src("e"), Pattern: "a b -> a"}, f32, 10), cannot + `pattern "a b -> a": the sides hold different labels`},
		{"pattern other label", tensorOf(&Rearrange{X: src("e"), Pattern: "a b -> a c"}, f32, 10), cannot + `pattern "a b -> a c": label "b" is missing on the right`},
		{"pattern size", tensorOf(&Rearrange{X: src("e"), Pattern: "(a c) b -> a c b", Sizes: map[string]int{"c": 3}}, f32, 3, 3, 4), cannot + `pattern "(a c) b -> a c b": axis 0 (a c) of size 10 cannot be split by 3`},
		{"pattern unknown", tensorOf(&Rearrange{X: src("e"), Pattern: "(a c) b -> a c b"}, f32, 3, 3, 4), cannot + `pattern "(a c) b -> a c b": axis 0 of "(a c) b" on shape [10, 4]: the sizes of "a" and "c" are both unknown`},
		{"pattern stray size", tensorOf(&Rearrange{X: src("e"), Pattern: "a b -> b a", Sizes: map[string]int{"z": 3}}, f32, 4, 10), cannot + `pattern "a b -> b a": size z = 3`},
		{"einsum", tensorOf(&Merge{Base: src("w", 0), Terms: []Term{{A: src("a", 0), B: src("b", 0), Einsum: "d r, h r -> d h", Scale: 1}}}, f32, 4, 6),
			cannot + `merge of w: a [4, 2], b [2, 6], base [4, 6]: einsum "d r, h r -> d h", b: axis 0 (h) has size 2, wanted 6`},
		{"both factors", tensorOf(&Affine{X: src("e"), Mul: 2, Div: 2}, f32, 10, 4), cannot + "affine has both mul and div"},
		{"fill negative", tensorOf(&Fill{Shape: tensor.Shape{-1}}, f32, -1), cannot + "axis 0 of shape [-1] has size -1, outside 0..281474976710656"},
		{"fill huge", tensorOf(&Fill{Shape: tensor.Shape{1 << 40, 1 << 40}}, f32, 1<<40, 1<<40), cannot + "shape [1099511627776, 1099511627776] of float32 needs more than 1099511627776 bytes"},
		{"integers convert", tensorOf(src("i"), f32, 5), cannot + `"i": int32 values are moved, never converted to float32`},
		{"to integers", tensorOf(src("e"), tensor.Int32, 10, 4), cannot + `"e": a conversion from float32 to int32 is not supported`},
		{"arithmetic on float64", tensorOf(&Affine{X: src("big"), Add: 1}, f32, 2), cannot + `arithmetic on "big", which is float64, is not supported; wanted a float of at most 32 bits`},
		{"arithmetic on integers", tensorOf(&Affine{X: src("i"), Add: 1}, tensor.Int32, 5), cannot + `arithmetic on "i", which is int32, is not supported; wanted a float of at most 32 bits`},
		{"constant integer", tensorOf(&Fill{Shape: tensor.Shape{2}, Value: 1}, tensor.Int32, 2), cannot + "int32 cannot hold the constant"},
		{"no expression", tensorOf(nil, f32, 2), cannot + "unknown expression <nil>"},
		{"unused", func(p *Plan) { p.Drops = p.Drops[1:] }, `A source parameter is used by nothing: big in source "s": no row uses it and nothing drops it; if it may be left out, say so with a drop block and a reason`},
		{"partly unused", func(p *Plan) { p.Drops = p.Drops[:1] }, `A part of a source parameter is used by nothing: e in source "s", shape [10, 4]: 8 of 40 elements are neither used nor dropped, the first is element 32 in C order`},
		{"used and dropped", func(p *Plan) { p.Drops[1].Part.Start, p.Drops[1].Part.Size = 7, 3 }, `A source parameter is both used and dropped: e in source "s": 4 of 40 elements`},
		{"dropped whole", func(p *Plan) { p.Drops[1].Part = nil }, `A source parameter is both used and dropped: e in source "s": 32 of 40 elements`},
		{"drop without reason", func(p *Plan) { p.Drops[0].Reason = "" }, invalid + `drop of "big" gives no reason`},
		{"drop of nothing", func(p *Plan) { p.Drops[1].Part.Size = 0 }, invalid + `drop of "e": e: part of 0 from 8 on axis 0 is empty or outside the shape [10, 4]`},
		{"drop outside", func(p *Plan) { p.Drops[1].Part.Size = 3 }, invalid + `drop of "e": e: part of 3 from 8 on axis 0 is empty or outside the shape [10, 4]`},
		{"drop overflow", func(p *Plan) { p.Drops[1].Part.Start = 1<<63 - 1 }, invalid + `drop of "e": e: part of 2 from 9223372036854775807 on axis 0 is empty or outside the shape [10, 4]`},
		{"drop of all as a part", func(p *Plan) { p.Drops[1].Part = &Part{Axis: 0, Size: 10} }, invalid + `drop of "e": e: part of axis 0 is all of it`},
		{"drop index and part", func(p *Plan) { p.Drops[1].Index = []At{{0, 1}} }, invalid + `drop of "e": e: axis 0 is both indexed and cut`},
		{"drop unknown", func(p *Plan) { p.Drops[0].Name = "nope" }, invalid + `drop of "nope": source "s" has no parameter "nope"`},
		{"two lines read one part", func(p *Plan) { // used twice is no fault: nothing is lost
			p.Tensors = append(p.Tensors, Tensor{Name: "again", DType: f32, Shape: tensor.Shape{2, 4}, Expr: &Slice{X: src("e"), Axis: 0, Start: 3, Size: 2}})
		}, ""},
		{"a factor is not read", func(p *Plan) { p.Tensors[0].Expr = &Rearrange{X: src("w", 0), Pattern: "d h -> h d"} },
			"A part of a source parameter is used by nothing: a in source \"s\", shape [3, 4, 2]: 8 of 24 elements are neither used nor dropped, the first is element 0 in C order\n" +
				"A part of a source parameter is used by nothing: b in source \"s\", shape [3, 2, 6]: 12 of 36 elements are neither used nor dropped, the first is element 0 in C order"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := good()
			c.edit(p)
			if d := cmp.Diff(c.want, Check(p, small()).Error()); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestDuplicateParameters(t *testing.T) {
	m := small()
	m["s"].Tensors = append(m["s"].Tensors, manifest.Tensor{Name: "w", DType: tensor.Float32, Shape: tensor.Shape{1}})
	m["s"].Sort()
	want := `Two parameters have one name: source "s" holds the parameter "w" twice; rename one of them in the checkpoint`
	if got := Check(good(), m).Error(); got != want {
		t.Error(got)
	}
}

// The ledger along other axes than the first, against counts by hand.
func TestLedgerParts(t *testing.T) {
	for _, c := range []struct {
		name  string
		drops []Drop
		want  string
	}{
		{"columns", []Drop{{Part: &Part{1, 0, 2}}}, "6 of 12"}, // two columns of three rows
		{"columns and rows", []Drop{{Part: &Part{1, 0, 3}}, {Part: &Part{0, 2, 1}}}, "2 of 12"},
		{"a cell", []Drop{{Index: []At{{0, 1}}, Part: &Part{1, 3, 1}}}, "11 of 12"},
		{"a column but a cell", []Drop{{Index: []At{{1, 3}}, Part: &Part{0, 1, 2}}}, "10 of 12"},
		{"all by parts", []Drop{{Part: &Part{1, 0, 3}}, {Part: &Part{1, 3, 1}}}, ""},
		{"overlapping drops", []Drop{{Part: &Part{1, 0, 3}}, {Part: &Part{1, 1, 3}}}, ""},
	} {
		m := &manifest.Manifest{Tensors: []manifest.Tensor{{Name: "x", DType: tensor.Float32, Shape: tensor.Shape{3, 4}}}}
		p := &Plan{Version: Version, Sources: []string{"s"}, Output: Output{File: "o"}}
		for _, d := range c.drops {
			d.From, d.Name, d.Reason = "s", "x", "why"
			p.Drops = append(p.Drops, d)
		}
		got := Check(p, Manifests{"s": m}).Error()
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, ": "+c.want+" elements are neither used nor dropped") {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// Whatever is not byte for byte what Encode writes is refused.
func TestDecodeRefusals(t *testing.T) {
	b, err := Encode(good())
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, c := range []struct {
		name     string
		old, new string
		want     string
	}{
		{"no line break", "\n", "", "plan does not end with a line break"},
		{"version", `{"plan":1`, `{"plan":2`, "plan line 1: plan version 2, this loraconv reads 1"},
		{"space", `{"plan":1,`, `{"plan":1, `, "plan is not in canonical form, first at byte 10"},
		{"unknown field", `"reason":"padding"`, `"reason":"padding","extra":1`, `plan line 3: json: unknown field "extra"`},
		{"duplicate key", `"reason":"padding"`, `"reason":"padding","reason":"padding"`, "plan is not in canonical form"},
		{"key order", `"axis":0,"start":0`, `"start":0,"axis":0`, "plan is not in canonical form"},
		{"number", `"start":0`, `"start":0.0`, "plan line 7: json: cannot unmarshal number 0.0"},
		{"exponent", `"scale":2`, `"scale":2e0`, "plan is not in canonical form"},
		{"operation", `"op":"slice"`, `"op":"slide"`, `plan line 7: unknown operation "slide"`},
		{"part short", `"part":[0,8,2]`, `"part":[0,8]`, "plan is not in canonical form"},
		{"part long", `"part":[0,8,2]`, `"part":[0,8,2,1]`, "plan is not in canonical form"},
		{"part null", `"part":[0,8,2],`, `"part":null,`, "plan is not in canonical form"},
		{"index float", `[0,1]`, `[0,1.5]`, "json: cannot unmarshal"},
		{"merge of a slice", `"base":{"op":"source"`, `"base":{"op":"slice"`, "an operand of a merge must be a source"},
		{"two plans", "\n{\"drop\"", "\n" + strings.SplitN(text, "\n", 2)[0] + "\n{\"drop\"", "the first line, and no other"},
		{"empty line", "\n{\"drop\"", "\n\n{\"drop\"", "plan line 2: EOF"},
		{"two values on a line", "\n{\"drop\"", "{}\n{\"drop\"", "plan is not in canonical form"},
		{"order of lines", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(text, c.old, c.new, 1)
			switch c.name {
			case "no line break":
				changed = strings.TrimSuffix(text, "\n")
			case "order of lines":
				lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
				lines[1], lines[2] = lines[2], lines[1]
				changed, c.want = strings.Join(lines, "\n")+"\n", "plan is not in canonical form"
			}
			if changed == text {
				t.Fatal("nothing was changed")
			}
			_, err := Decode([]byte(changed))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, wanted %s", err, c.want)
			}
		})
	}
}
