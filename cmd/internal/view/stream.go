package view

import (
	"encoding/json"

	"github.com/loraconv/loraconv/cmd/internal/session"
	"github.com/loraconv/loraconv/core/diag"
)

// StreamVersion is the version of the JSON event stream: one object a line,
// each with "type" as its first key, the first being "version". New types and
// fields may be added without a new version; a reader passes over what it does
// not know. cmd/loraconv/schemas holds the stream's JSON schema.
const StreamVersion = 1

// The events, one struct for each type.
type (
	versionEvent struct {
		Type     string `json:"type"` // "version"
		Loraconv string `json:"loraconv"`
		Stream   int    `json:"stream"`
		Plan     int    `json:"plan"` // version of the plan encoding
	}

	phaseEvent struct {
		Type       string `json:"type"` // "phase"
		Conversion string `json:"conversion"`
		Phase      string `json:"phase"`
	}

	// progressEvent tells bytes, as sdk.Progress does.
	progressEvent struct {
		Type       string `json:"type"` // "progress"
		Conversion string `json:"conversion"`
		Phase      string `json:"phase"`
		Read       int64  `json:"read"`
		ReadAll    int64  `json:"read_all"`
		Written    int64  `json:"written"`
		All        int64  `json:"all"`
	}

	diagnosticEvent struct {
		Type     string      `json:"type"`     // "diagnostic"
		Severity string      `json:"severity"` // "error" or "warning"
		Code     string      `json:"code"`
		Exit     int         `json:"exit,omitempty"` // the exit code that an error asks for
		Summary  string      `json:"summary"`
		Detail   string      `json:"detail,omitempty"`
		Context  string      `json:"context,omitempty"` // the blocks around Range
		Range    *diag.Range `json:"range,omitempty"`
		Path     []string    `json:"path,omitempty"`
		Tensor   string      `json:"tensor,omitempty"`
		Rule     string      `json:"rule,omitempty"`
	}

	planEvent struct {
		Type       string           `json:"type"` // "plan"
		Conversion string           `json:"conversion"`
		Output     string           `json:"output"`
		Digest     string           `json:"digest"`
		Plugin     session.PluginID `json:"plugin"`
		Sources    []session.Opened `json:"sources"`
		Needs      planNeeds        `json:"needs"`
	}

	// planNeeds is an engine.Report.
	planNeeds struct {
		Read      int64    `json:"read"`
		Written   int64    `json:"written"`
		Groups    int      `json:"groups"`
		Workers   int      `json:"workers"`
		Adapters  int64    `json:"adapters"`
		Scratch   bool     `json:"scratch"`
		Buffers   int64    `json:"buffers"`
		Passes    int      `json:"passes"`
		ShortRuns int      `json:"short_runs"`
		Notes     []string `json:"notes"`
	}

	// planLineEvent is one line of the plan's canonical encoding.
	planLineEvent struct {
		Type       string          `json:"type"` // "plan_line"
		Conversion string          `json:"conversion"`
		Line       json.RawMessage `json:"line"`
	}

	publishedEvent struct {
		Type       string  `json:"type"` // "published"
		Conversion string  `json:"conversion"`
		Output     string  `json:"output"`
		Files      int     `json:"files"`
		Tensors    int     `json:"tensors"`
		Merged     int     `json:"merged"`
		Bytes      int64   `json:"bytes"`
		Unchanged  bool    `json:"unchanged"` // it was there already, complete and the same
		Seconds    float64 `json:"seconds"`
	}

	// checkedEvent ends what validate says of one spec.
	checkedEvent struct {
		Type     string `json:"type"` // "checked"
		Spec     string `json:"spec"`
		Valid    bool   `json:"valid"`
		Errors   int    `json:"errors"`
		Warnings int    `json:"warnings"`
	}

	// summaryEvent ends what validate says.
	summaryEvent struct {
		Type     string `json:"type"` // "summary"
		Specs    int    `json:"specs"`
		Invalid  int    `json:"invalid"`
		Errors   int    `json:"errors"`
		Warnings int    `json:"warnings"`
	}
)
