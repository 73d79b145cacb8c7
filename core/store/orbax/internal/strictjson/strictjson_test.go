package strictjson

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tree turns a document into what encoding/json would make of it.
func tree(d *Decoder) (any, error) {
	k, err := d.Peek()
	if err != nil {
		return nil, err
	}
	switch k {
	case Null:
		_, err := d.Null()
		return nil, err
	case Bool:
		return d.Bool()
	case Number:
		n, err := d.Number()
		return json.Number(n), err
	case String:
		return d.String()
	case Array:
		out := []any{}
		err := d.Array(func(int) error {
			v, err := tree(d)
			out = append(out, v)
			return err
		})
		return out, err
	case Object:
		out := map[string]any{}
		err := d.Object(func(name string) error {
			v, err := tree(d)
			out[name] = v
			return err
		})
		return out, err
	}
	return nil, d.Skip()
}

func parse(doc string, l Limits) (v any, err error) {
	err = Read([]byte(doc), l, func(d *Decoder) error {
		v, err = tree(d)
		return err
	})
	return v, err
}

func viaStandard(doc string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func TestAccepted(t *testing.T) {
	for _, doc := range []string{
		`null`, ` true `, `false`, `0`, `-0.5e+10`, `123456789012345678901234567890`, `""`, `[]`, `{}`, "\t[1,\r\n2]",
		`"aé\"\\\/\b\f\n\r\té😀é"`, `{"a":{"b":[1,{"c":null}]},"d":"e"}`, `[[[[1]]],[]]`,
	} {
		got, err := parse(doc, Limits{})
		want, wantErr := viaStandard(doc)
		if err != nil || wantErr != nil {
			t.Errorf("%s: %v, %v", doc, err, wantErr)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", doc, d)
		}
	}
	for _, doc := range []string{"NaN", "Infinity", "-Infinity"} {
		if got, err := parse(doc, Limits{}); err != nil || got != json.Number(doc) {
			t.Errorf("%s: %v, %v", doc, got, err)
		}
	}
}

func TestRefused(t *testing.T) {
	small := Limits{Bytes: 1000, Depth: 3, Tokens: 10, String: 5}
	tests := []struct{ doc, text string }{
		{``, "document ends"},
		{`{`, "ends inside"}, {`[1`, "ends inside"}, {`"a`, "ends inside"}, {`"\`, "ends inside"}, {`"\u12`, "ends inside"},
		{`[1,]`, "unexpected character"}, {`[,1]`, "unexpected character"}, {`{"a":1,}`, "unexpected character"}, {`[1 2]`, "wanted ','"},
		{`{"a" 1}`, "no ':'"}, {`{1:2}`, "wanted a string"}, {`1 2`, "bytes after"}, {`[]x`, "bytes after"},
		{`01`, "bytes after"}, {`1.`, "malformed"}, {`-`, "malformed"}, {`1e`, "malformed"}, {`+1`, "unexpected"}, {`.5`, "unexpected"}, {`-N`, "malformed"},
		{`nul`, "unknown word"}, {`tru`, "unknown word"}, {`Na`, "malformed"}, {`nan`, "unknown word"},
		{"\"\x01\"", "control character"}, {`"\x"`, "unknown escape"}, {`"\u12g4"`, "malformed"}, {`"\ud800"`, "surrogate"}, {`"\udc00"`, "surrogate"}, {`"\ud800\u0041"`, "surrogate"},
		{"\"\xff\"", "UTF-8"}, {`'a'`, "unexpected"}, {"\ufeff{}", "unexpected"},
		{`{"a":1,"a":2}`, "twice"}, {`{"a":1,"\u0061":2}`, "twice"},
		{`[[[[1]]]]`, "deep"}, {`[1,2,3,4,5,6,7,8,9,10]`, "values"}, {`"123456"`, "bytes"}, {`"12345\n"`, "bytes"}, {strings.Repeat(" ", 1001), "document of"},
	}
	for _, c := range tests {
		if _, err := parse(c.doc, small); err == nil || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%q: error %v, wanted %q", c.doc, err, c.text)
		}
	}
}

func TestTyped(t *testing.T) {
	err := Read([]byte(`{"n":-9223372036854775808,"s":[1,2,3]}`), Limits{}, func(d *Decoder) error {
		return d.Object(func(name string) error {
			if name == "n" {
				n, err := d.Int()
				if n != -1<<63 {
					t.Errorf("number %d", n)
				}
				return err
			}
			s, err := d.Ints(3)
			if len(s) != 3 {
				t.Errorf("numbers %v", s)
			}
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
	for doc, read := range map[string]func(*Decoder) error{
		"9223372036854775808": func(d *Decoder) error { _, err := d.Int(); return err },
		"1.0":                 func(d *Decoder) error { _, err := d.Int(); return err },
		"NaN":                 func(d *Decoder) error { _, err := d.Int(); return err },
		"[1,2]":               func(d *Decoder) error { _, err := d.Ints(1); return err },
		"1":                   func(d *Decoder) error { _, err := d.Bool(); return err },
		"true":                func(d *Decoder) error { _, err := d.String(); return err },
	} {
		if err := Read([]byte(doc), Limits{}, read); err == nil {
			t.Errorf("%s: was accepted", doc)
		}
	}
}

func TestRewrite(t *testing.T) {
	doc := ` {"a" : [1,2.50 , "NaN"]}`
	if got, err := Rewrite([]byte(doc), Limits{}); err != nil || string(got) != doc {
		t.Errorf("%s, %v", got, err)
	}
	got, err := Rewrite([]byte(`{"a" : NaN, "b":[Infinity,-Infinity,1e400], "\"c":"NaN", "d":null}`), Limits{})
	want := `{"a": "NaN", "b": ["Infinity", "-Infinity", 1e400], "\"c": "NaN", "d": null}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := Rewrite([]byte(`[NaN`), Limits{}); err == nil {
		t.Error("was accepted")
	}
}

// FuzzRead: what is accepted and holds no bare NaN, encoding/json reads the
// same way.
func FuzzRead(f *testing.F) {
	f.Add(`{"a":{"b":[1,{"c":null}]},"d":"e\u00e9"}`)
	f.Add(`{"a" : NaN, "b":[Infinity,-Infinity,1e400]}`)
	f.Fuzz(func(t *testing.T, doc string) {
		got, err := parse(doc, Limits{Depth: 50})
		if err != nil {
			return
		}
		rewritten, err := Rewrite([]byte(doc), Limits{Depth: 50})
		if err != nil {
			t.Fatal(err)
		}
		if string(rewritten) != doc {
			if !json.Valid(rewritten) {
				t.Errorf("rewritten as %s", rewritten)
			}
			return
		}
		want, err := viaStandard(doc)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(fmt.Sprint(want), fmt.Sprint(got)); d != "" {
			t.Error(d)
		}
	})
}
