package view

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
)

// show makes a text fit to be shown to people: without the values of sensitive
// variables, and with what cannot be seen as escapes.
func (t *Text) show(s string) string {
	if t.file != nil {
		s = t.file.Redact(s)
	}
	return Printable(s)
}

// redacted returns an event with hide applied to every text in it that is not
// one of the stream's own words.
func redacted(event any, hide func(string) string) any {
	return hideIn(reflect.ValueOf(event), hide).Interface()
}

// own are the fields that hold the stream's own words.
var own = map[string]bool{"Type": true, "Severity": true, "Code": true}

func hideIn(v reflect.Value, hide func(string) string) reflect.Value {
	switch v.Kind() {
	case reflect.String:
		return reflect.ValueOf(hide(v.String())).Convert(v.Type())
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		out.Set(v)
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && !own[f.Name] && f.Tag.Get("json") != "-" {
				out.Field(i).Set(hideIn(v.Field(i), hide))
			}
		}
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(hideIn(v.Elem(), hide))
		return out
	case reflect.Slice:
		if raw, ok := v.Interface().(json.RawMessage); ok {
			return reflect.ValueOf(hideInJSON(raw, hide))
		}
		if v.IsNil() {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(hideIn(v.Index(i), hide))
		}
		return out
	}
	return v
}

// factors are the keys of a plan line whose numbers may come from a spec.
var factors = map[string]bool{"scale": true, "mul": true, "div": true, "add": true}

// hideInJSON applies hide to the texts of a document, its keys excepted, and to
// factors; a number that is hidden becomes a text. The order of its keys
// changes only where something is hidden.
func hideInJSON(doc json.RawMessage, hide func(string) string) json.RawMessage {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return doc
	}
	changed := false
	var walk func(key string, v any) any
	walk = func(key string, v any) any {
		switch x := v.(type) {
		case string:
			s := hide(x)
			changed = changed || s != x
			return s
		case json.Number:
			if s := hide(x.String()); factors[key] && s != x.String() {
				changed = true
				return s
			}
		case []any:
			for i := range x {
				x[i] = walk(key, x[i])
			}
		case map[string]any:
			for k := range x {
				x[k] = walk(k, x[k])
			}
		}
		return v
	}
	v = walk("", v)
	if !changed {
		return doc
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(v) != nil {
		return doc
	}
	return json.RawMessage(strings.TrimSuffix(b.String(), "\n"))
}
