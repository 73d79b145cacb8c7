package store

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// devices are names that Windows keeps for itself, with any extension.
var devices = map[string]bool{"CON": true, "PRN": true, "AUX": true, "NUL": true}

func init() {
	for _, p := range []string{"COM", "LPT"} {
		for d := '0'; d <= '9'; d++ {
			devices[p+string(d)] = true
		}
	}
}

func checkComponent(part string) error {
	switch {
	case len(part) > 255:
		return errors.New("a component is longer than 255 bytes")
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
	if devices[strings.ToUpper(stem)] {
		return fmt.Errorf("%q is a device on Windows", part)
	}
	return nil
}
