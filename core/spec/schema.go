package spec

// Schema describes the body of a source or output block. It is the plugin's
// own word, handed over by whoever asked the plugin.
type Schema struct {
	Attributes []Attribute
	Blocks     []Block
}

// Attribute is one argument of a body.
type Attribute struct {
	Name     string
	Type     string // an HCL type expression: string, number, bool, list(string), map(number), any
	Required bool
	// Enum lists the only values allowed. Of a Path it lists the values that
	// are taken as they stand, such as "none".
	Enum []string
	// Path marks a string that is a path relative to the spec's directory.
	Path bool
}

// Block is a nested block. In Decoded.Args it appears as
//
//	no labels, Max 1   an object
//	no labels          a list of objects
//	labels             an object from label to object (nested, with several labels)
//
// and not at all when Rows is set: then the source text of each such block
// goes to Decoded.Rows as it is.
type Block struct {
	Name   string
	Labels []string // what each label is called
	Max    int      // 0: any number
	Rows   bool
	Schema Schema
}

// Decoded is a body opened by its schema.
type Decoded struct {
	// Args holds string, bool, int64, float64, []any and map[string]any.
	// Arguments that are absent or null are not in it.
	Args map[string]any
	// Rows is the text of the blocks that the schema marks as rows.
	Rows string
	// Unknown lists the arguments whose values depend on variables without a
	// value, as dotted paths. It is empty unless Options.AllowUnset was set.
	Unknown []string
	// Sensitive lists the arguments whose values come from sensitive
	// variables, as dotted paths: hand them to the plugin, print them nowhere.
	Sensitive []string
}
