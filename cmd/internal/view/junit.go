package view

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"

	"github.com/loraconv/loraconv/core/diag"
	"github.com/loraconv/loraconv/core/spec"
)

// JUnit shows findings as a JUnit report: one test case a spec, which fails
// when the spec is not valid. Elements and attributes are those that Jenkins'
// junit-10.xsd and its readers elsewhere agree on.
type JUnit struct {
	w      io.Writer
	strict bool
	suite  junitSuite
}

// NewJUnit writes a report to w when it is closed. With strict, warnings make
// a spec's case fail as well.
func NewJUnit(w io.Writer, strict bool) *JUnit {
	return &JUnit{w: w, strict: strict, suite: junitSuite{Name: "loraconv validate"}}
}

type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name     string         `xml:"name,attr"`
		Class    string         `xml:"classname,attr"`
		File     string         `xml:"file,attr,omitempty"`
		Failures []junitFailure `xml:"failure"`
		Out      string         `xml:"system-out,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr"`
		Text    string `xml:",chardata"`
	}
)

// Checked adds a test case.
func (j *JUnit) Checked(c Checked) {
	name := Printable(c.file(&diag.Diagnostic{}))
	t := junitCase{Name: name, Class: "loraconv.validate", File: name}
	for _, d := range c.Diagnostics {
		var text bytes.Buffer
		_ = c.File.Render(&text, diag.List{d}, spec.RenderOptions{}) // a buffer takes all
		if d.Severity == diag.Error || j.strict {
			t.Failures = append(t.Failures, junitFailure{message(d), d.Code, text.String()})
		} else {
			t.Out += text.String()
		}
	}
	j.suite.Tests++
	if len(t.Failures) > 0 {
		j.suite.Failures++
	}
	j.suite.Cases = append(j.suite.Cases, t)
}

// Close writes the report.
func (j *JUnit) Close(Tally) error {
	b, err := xml.MarshalIndent(junitReport{Name: "loraconv", Tests: j.suite.Tests, Failures: j.suite.Failures, Suites: []junitSuite{j.suite}}, "", "  ")
	if err == nil {
		_, err = fmt.Fprintf(j.w, "%s%s\n", xml.Header, b)
	}
	return err
}
