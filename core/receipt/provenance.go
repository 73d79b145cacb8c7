package receipt

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Statement is loraconv.provenance.json: an in-toto Statement v1 with an SLSA
// provenance v1 predicate, asserted by loraconv itself and not signed.
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Subject  `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     Provenance `json:"predicate"`
	// Self is the SHA-256 of this document with Self empty: damage shows.
	Self string `json:"loraconv_sha256"`
}

// The types of the statement.
const (
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = "https://slsa.dev/provenance/v1"
	BuildType     = "https://github.com/loraconv/loraconv/conversion/v1"
	BuilderID     = "https://github.com/loraconv/loraconv"
)

// Subject is a file of the output.
type Subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

// Provenance says how the output came to be.
type Provenance struct {
	BuildDefinition BuildDefinition `json:"buildDefinition"`
	RunDetails      RunDetails      `json:"runDetails"`
}

// BuildDefinition is what went in.
type BuildDefinition struct {
	BuildType            string         `json:"buildType"`
	ExternalParameters   map[string]any `json:"externalParameters"`
	InternalParameters   map[string]any `json:"internalParameters"`
	ResolvedDependencies []Dependency   `json:"resolvedDependencies"`
}

// Dependency is a source or a plugin.
type Dependency struct {
	Name        string            `json:"name"`
	URI         string            `json:"uri,omitempty"`
	Digest      map[string]string `json:"digest,omitempty"`
	Annotations map[string]any    `json:"annotations,omitempty"`
}

// RunDetails is when and by whom; the one part that no second run repeats.
type RunDetails struct {
	Builder  Builder  `json:"builder"`
	Metadata Metadata `json:"metadata"`
}

// Builder is the loraconv that ran.
type Builder struct {
	ID      string            `json:"id"`
	Version map[string]string `json:"version"`
}

// Metadata holds times in RFC 3339, UTC.
type Metadata struct {
	InvocationID string `json:"invocationId,omitempty"`
	StartedOn    string `json:"startedOn"`
	FinishedOn   string `json:"finishedOn"`
}

// Encode writes the statement.
func (s *Statement) Encode() ([]byte, error) {
	s.Type, s.PredicateType, s.Self = StatementType, PredicateType, ""
	b, err := canonical(s)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	s.Self = hex.EncodeToString(sum[:])
	return canonical(s)
}

// DecodeStatement reads a statement. Only what Encode writes is taken, byte
// for byte.
func DecodeStatement(b []byte) (*Statement, error) {
	if len(b) > maxManifest {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(b), maxManifest)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	d.UseNumber()
	s := new(Statement)
	if err := d.Decode(s); err != nil {
		return nil, err
	}
	again, err := s.Encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, b) {
		return nil, fmt.Errorf("it is not as loraconv wrote it")
	}
	return s, nil
}

// digests returns what the statement says of each file.
func (s *Statement) digests() map[string]string {
	out := map[string]string{}
	for _, x := range s.Subject {
		out[x.Name] = x.Digest["sha256"]
	}
	return out
}
