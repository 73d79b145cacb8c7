package language

import (
	"maps"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/sdk"
)

// object is a JSON schema, or a part of one.
type object = map[string]any

// JSONSchema describes *.hcl.json files, with the bodies of the plugins that
// are given by name. Draft 7, which editors know.
//
// In that form a block is an object, or a list of them, below its type and
// labels; an expression is a text with ${…}, and may stand for any value.
func JSONSchema(plugins map[string]*sdk.DescribeResponse) object {
	d := definitions{}
	out := d.body("", spec, func(name string, b sdk.Block) object {
		switch name {
		case "source":
			return d.sources(plugins)
		case "conversion":
			return block(b.Labels, d.define("conversion", d.body("conversion", b.Schema, func(name string, _ sdk.Block) object {
				switch name {
				case "output":
					return d.outputs(plugins)
				case "check":
					return d.checks()
				}
				return nil
			})))
		}
		return nil
	})
	out["$schema"] = "http://json-schema.org/draft-07/schema#"
	out["$id"] = "https://github.com/loraconv/loraconv/spec.v1.json"
	out["title"] = "a spec of loraconv, in its JSON form (*.hcl.json)"
	out["definitions"] = d
	return out
}

// definitions are the insides of blocks, by the words above them.
type definitions object

func (d definitions) define(name string, s object) object {
	d[name] = s
	return object{"$ref": "#/definitions/" + name}
}

// sources are source blocks: the body depends on the first label.
func (d definitions) sources(plugins map[string]*sdk.DescribeResponse) object {
	known := object{}
	for name, p := range plugins {
		at := "source-" + name
		known[name] = block([]string{"name"}, d.define(at, d.body(at, joined(source, p.Source), nil)))
	}
	return listed(object{"type": "object", "properties": known, "additionalProperties": block([]string{"name"}, object{"type": "object"})})
}

// outputs are output blocks: the body depends on the format. A format that two
// plugins write takes the arguments of either.
func (d definitions) outputs(plugins map[string]*sdk.DescribeResponse) object {
	bodies := map[string][]any{}
	for _, name := range slices.Sorted(maps.Keys(plugins)) {
		for format, s := range plugins[name].Outputs {
			at := "output-" + format + "-" + name
			bodies[format] = append(bodies[format], d.define(at, d.body(at, joined(output, s), nil)))
		}
	}
	known := object{}
	for format, b := range bodies {
		one := b[0].(object)
		if len(b) > 1 {
			one = object{"anyOf": b}
		}
		known[format] = listed(one)
	}
	return listed(object{"type": "object", "properties": known, "additionalProperties": listed(object{"type": "object"})})
}

// checks are check blocks: the body depends on the kind.
func (d definitions) checks() object {
	known := object{}
	for kind, s := range checks {
		at := "check-" + kind
		known[kind] = listed(d.define(at, d.body(at, s, nil)))
	}
	return listed(object{"type": "object", "properties": known, "additionalProperties": false})
}

func joined(a, b sdk.Schema) sdk.Schema {
	return sdk.Schema{Attributes: slices.Concat(a.Attributes, b.Attributes), Blocks: slices.Concat(a.Blocks, b.Blocks)}
}

// body is the schema of the inside of the block that the words of at lead to;
// instead may give one for a block in it.
func (d definitions) body(at string, s sdk.Schema, instead func(string, sdk.Block) object) object {
	props := object{"//": object{"description": "a remark"}}
	out := object{"type": "object", "properties": props, "additionalProperties": false}
	var required []string
	for _, a := range s.Attributes {
		enum := a.Enum
		if a.Path {
			enum = nil // any path, beside the words that are taken as they stand
		}
		v := value(a.Type, enum)
		v["description"] = a.Doc
		if a.Name == anyName {
			out["additionalProperties"] = v
			continue
		}
		props[a.Name] = v
		if a.Required {
			required = append(required, a.Name)
		}
	}
	for _, b := range s.Blocks {
		var v object
		if instead != nil {
			v = instead(b.Name, b)
		}
		switch {
		case v != nil:
		case b.Rows: // the rule notation is a language of its own
			v = block(b.Labels, object{"type": "object"})
		default:
			at := strings.TrimPrefix(at+"-"+b.Name, "-")
			v = block(b.Labels, d.define(at, d.body(at, b.Schema, nil)))
		}
		v["description"] = b.Doc
		props[b.Name] = v
	}
	if len(required) > 0 {
		out["required"] = required
	}
	return out
}

// block is one block, or several, below its labels.
func block(labels []string, inside object) object {
	if len(labels) == 0 {
		return listed(inside)
	}
	return listed(object{"type": "object", "additionalProperties": block(labels[1:], inside)})
}

// listed allows a list of objects in the place of one.
func listed(one object) object {
	return object{"anyOf": []any{one, object{"type": "array", "items": one}}}
}

// template is a text that is evaluated.
var template = object{"type": "string", "pattern": `[$%]\{`}

// value is the schema of an argument of a type. Everything may be null, which
// is the same as absent, and everything may be an expression.
func value(typ string, enum []string) object {
	var v object
	inner := func(word string) string {
		return strings.TrimSuffix(strings.TrimPrefix(typ, word+"("), ")")
	}
	switch {
	case len(enum) > 0:
		v = object{"enum": enum}
	case typ == "string", typ == reference:
		return object{"type": []string{"string", "number", "boolean", "null"}} // numbers and bools become text
	case typ == "number":
		v = object{"type": "number"}
	case typ == "bool":
		v = object{"type": "boolean"}
	case strings.HasPrefix(typ, "list("), strings.HasPrefix(typ, "set("):
		word, _, _ := strings.Cut(typ, "(")
		items := value(inner(word), nil)
		if inner(word) == reference {
			items = object{"anyOf": []any{object{"type": "string"}, object{
				"type": "object", "required": []string{"source"}, "additionalProperties": false,
				"properties": object{"source": object{"type": "string"}, "weight": value("number", nil)},
			}}}
		}
		v = object{"type": "array", "items": items}
	case strings.HasPrefix(typ, "map("):
		v = object{"type": "object", "additionalProperties": value(inner("map"), nil)}
	default: // any, and types that are not looked into
		return object{}
	}
	number := object{"type": "string", "pattern": `^-?[0-9.]+$|^(true|false)$`} // as text, which is converted
	alternatives := []any{v, template, object{"type": "null"}}
	if typ == "number" || typ == "bool" {
		alternatives = append(alternatives, number)
	}
	return object{"anyOf": alternatives}
}
