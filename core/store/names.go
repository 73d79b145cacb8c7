package store

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxName bounds a path inside an output, maxComponent one part of it, in
// bytes.
const (
	maxName      = 1024
	maxComponent = 255
)

// devices are names that Windows keeps for itself, with any extension.
var devices = map[string]bool{"CON": true, "PRN": true, "AUX": true, "NUL": true, "CONIN$": true, "CONOUT$": true}

func init() {
	for _, p := range []string{"COM", "LPT"} {
		for _, d := range "0123456789¹²³" {
			devices[p+string(d)] = true
		}
	}
}

// CheckName reports why a relative, slash-separated name cannot be a file of an
// output: it must stay inside, and exist under that name on every system.
func CheckName(rel string) error {
	if rel == "" || rel == "." || len(rel) > maxName || path.Clean(rel) != rel || !filepath.IsLocal(rel) {
		return fmt.Errorf("%q is not a plain relative path of at most %d bytes", rel, maxName)
	}
	for _, part := range strings.Split(rel, "/") {
		if err := checkComponent(part); err != nil {
			return fmt.Errorf("%q: %w", rel, err)
		}
	}
	return nil
}

// CheckNames reports why these names cannot be the files of one output: one of
// them cannot be a file's, or two would meet on a file system that does not
// tell cases apart.
func CheckNames(names []string) error {
	set := nameSet{}
	for _, n := range names {
		if err := set.add(n); err != nil {
			return err
		}
	}
	return nil
}

func checkComponent(part string) error {
	switch {
	case len(part) > maxComponent:
		return fmt.Errorf("a component is longer than %d bytes", maxComponent)
	case !utf8.ValidString(part):
		return errors.New("it is not valid UTF-8")
	case strings.ContainsFunc(part, unicode.IsControl):
		return errors.New("it holds control characters")
	case strings.ContainsAny(part, `\:*?"<>|`):
		return errors.New(`it holds one of \ : * ? " < > |`)
	case strings.HasSuffix(part, ".") || strings.HasSuffix(part, " "):
		return errors.New("a component ends in a dot or a space")
	}
	stem, _, _ := strings.Cut(part, ".")
	if devices[strings.ToUpper(strings.TrimRight(stem, " "))] {
		return fmt.Errorf("%q is a device on Windows", part)
	}
	return nil
}

// nameSet holds the files of an output and the directories above them, by
// their folded names.
type nameSet map[string]entry

type entry struct {
	name string
	file bool
}

// add checks a file's name and adds it.
func (s nameSet) add(rel string) error {
	if err := CheckName(rel); err != nil {
		return err
	}
	for i, r := range rel {
		if r != '/' {
			continue
		}
		if err := s.meet(rel[:i], false); err != nil {
			return err
		}
	}
	if err := s.meet(rel, true); err != nil {
		return err
	}
	for i, r := range rel {
		if r == '/' {
			s[fold(rel[:i])] = entry{rel[:i], false}
		}
	}
	s[fold(rel)] = entry{rel, true}
	return nil
}

// meet reports another use of a name; two files may share a directory.
func (s nameSet) meet(name string, file bool) error {
	e, ok := s[fold(name)]
	switch {
	case !ok || !e.file && !file && e.name == name:
		return nil
	case e.name == name && e.file && file:
		return fmt.Errorf("%q stands twice", name)
	case e.name == name:
		return fmt.Errorf("%q is both a file and a directory", name)
	}
	return fmt.Errorf("%q and %q would be one name on some file systems", e.name, name)
}

func (s nameSet) has(rel string) bool {
	e, ok := s[fold(rel)]
	return ok && e.file && e.name == rel
}

// fold gives names that differ in case alone one form: of all characters that
// are one but for case, the first.
func fold(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, s)
}
