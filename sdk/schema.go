package sdk

// Schema describes a block's body as data, so that the host can decode and
// check HCL without knowing the framework, and a plugin never parses HCL.
type Schema struct {
	Attributes []Attribute `json:"attributes,omitempty"`
	Blocks     []Block     `json:"blocks,omitempty"`
}

// Attribute is one argument.
type Attribute struct {
	Name     string `json:"name"`
	Type     string `json:"type"` // an HCL type expression: string, number, bool, list(string), map(number), any
	Required bool   `json:"required,omitempty"`
	Doc      string `json:"doc"` // one sentence
	// Enum lists the only values allowed, for strings.
	Enum []string `json:"enum,omitempty"`
	// Path marks a string that is a path relative to the spec's directory. The
	// host resolves it.
	Path bool `json:"path,omitempty"`
}

// Block is a nested block. A block without labels appears in Args as an
// object (Max 1) or a list of objects; one with labels as an object from
// label to object.
type Block struct {
	Name   string   `json:"name"`
	Labels []string `json:"labels,omitempty"` // what each label is called
	Max    int      `json:"max,omitempty"`    // 0: any number
	// Rows marks blocks whose bodies are rows of the rule notation: their source
	// text goes to Source.Rows.
	Rows   bool   `json:"rows,omitempty"`
	Doc    string `json:"doc"`
	Schema Schema `json:"schema"`
}
