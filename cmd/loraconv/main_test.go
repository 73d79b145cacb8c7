package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/cmd/internal/codes"
)

// The test binary serves as the bundled plugin, as loraconv's own does, and as
// loraconv itself where a test wants a process to kill.
func TestMain(m *testing.M) {
	if servesPlugin(os.Args) {
		os.Exit(servePlugin(os.Args))
	}
	if os.Getenv("LORACONV_TEST_MAIN") != "" {
		os.Exit(doMain(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
	}
	if exe := os.Getenv(swapEnv); exe != "" {
		swap(exe)
	}
	os.Exit(m.Run())
}

var shownCode = regexp.MustCompile(`(?m)^(?:Error|Warning): .* \(([a-z0-9-]+)\)$`)

// loraconv runs the command in this process, with its plugins in processes of
// their own.
func loraconv(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = doMain(args, strings.NewReader(""), &out, &err)
	for _, m := range shownCode.FindAllStringSubmatch(err.String(), -1) {
		if codes.Find(m[1]) == nil {
			t.Errorf("%q is shown and not explained", m[1])
		}
	}
	return code, out.String(), err.String()
}
