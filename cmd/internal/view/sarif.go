package view

import (
	"encoding/json"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/loraconv/loraconv/cmd/internal/codes"
)

// SARIF shows findings as a log of the Static Analysis Results Interchange
// Format 2.1.0 (docs.oasis-open.org/sarif/sarif/v2.1.0), with one run. Files
// inside the working directory are named from there, others by their whole
// path.
type SARIF struct {
	w       io.Writer
	version string
	exit    func(Tally) int
	run     sarifRun
	rules   map[string]int
}

// NewSARIF writes a log to w when it is closed; exit says how the command will
// end.
func NewSARIF(w io.Writer, version string, exit func(Tally) int) *SARIF {
	s := &SARIF{w: w, version: version, exit: exit, rules: map[string]int{}}
	s.run.ColumnKind = "unicodeCodePoints"
	s.run.Results = []sarifResult{} // none is not the same as unknown
	s.run.Tool.Driver = sarifDriver{Name: "loraconv", Version: version, SemanticVersion: version}
	return s
}

type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool struct {
			Driver sarifDriver `json:"driver"`
		} `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
	}
	sarifDriver struct {
		Name            string      `json:"name"`
		Version         string      `json:"version"`
		SemanticVersion string      `json:"semanticVersion"`
		Rules           []sarifRule `json:"rules,omitempty"`
	}
	sarifRule struct {
		ID    string       `json:"id"`
		Short sarifMessage `json:"shortDescription"`
		Full  sarifMessage `json:"fullDescription"`
		Help  sarifMessage `json:"help"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool `json:"executionSuccessful"` // the tool did its work, whatever it found
		ExitCode            int  `json:"exitCode"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		RuleIndex int             `json:"ruleIndex"`
		Level     string          `json:"level"`
		Message   sarifMessage    `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region *sarifRegion `json:"region,omitempty"`
		} `json:"physicalLocation"`
		Logical []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
		EndLine     int `json:"endLine"`
		EndColumn   int `json:"endColumn"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"` // the blocks around, such as conversion "robot", rule "late"
	}
)

// Checked adds a result for each diagnostic.
func (s *SARIF) Checked(c Checked) {
	for _, d := range c.Diagnostics {
		r := sarifResult{RuleID: d.Code, RuleIndex: s.rule(d.Code), Level: level(d), Message: sarifMessage{message(d)}}
		var l sarifLocation
		l.Physical.Artifact.URI = fileURI(c.file(d))
		if p := d.Range; p != nil {
			from, to := c.File.CodePoints(*p)
			l.Physical.Region = &sarifRegion{p.Start.Line, from, p.End.Line, to}
			if in := c.File.Context(*p); in != "" {
				l.Logical = []sarifLogical{{Printable(in)}}
			}
		}
		r.Locations = []sarifLocation{l}
		s.run.Results = append(s.run.Results, r)
	}
}

// rule returns the index of a code among the rules, adding it.
func (s *SARIF) rule(code string) int {
	i, ok := s.rules[code]
	if !ok {
		i = len(s.run.Tool.Driver.Rules)
		s.rules[code] = i
		r := sarifRule{ID: code}
		if c := codes.Find(code); c != nil {
			r.Short.Text, r.Full.Text, r.Help.Text = c.Means, c.Means+" "+c.Why, c.Next
		}
		s.run.Tool.Driver.Rules = append(s.run.Tool.Driver.Rules, r)
	}
	return i
}

// Close writes the log.
func (s *SARIF) Close(t Tally) error {
	s.run.Invocations = []sarifInvocation{{ExecutionSuccessful: true, ExitCode: s.exit(t)}}
	e := json.NewEncoder(s.w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(sarifLog{"https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json", "2.1.0", []sarifRun{s.run}})
}

// fileURI names a file with slashes as a URI: from the working directory where
// it is inside of it, else whole.
func fileURI(name string) string {
	name = path.Clean(name)
	if !path.IsAbs(name) && !filepath.IsAbs(name) && name != ".." && !strings.HasPrefix(name, "../") {
		return (&url.URL{Path: name}).String() // with ./ before a colon
	}
	if abs, err := filepath.Abs(filepath.FromSlash(name)); err == nil {
		name = filepath.ToSlash(abs)
	}
	if !strings.HasPrefix(name, "/") {
		name = "/" + name // C:/specs
	}
	return (&url.URL{Scheme: "file", Path: name}).String()
}
