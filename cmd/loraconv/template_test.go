package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A template may be a snapshot in Hugging Face's cache, where every file is a
// link. A link that leads elsewhere, or nowhere, is said and not passed over.
func TestTemplateOfLinks(t *testing.T) {
	example := absolute(t, "../../examples/maxtext-llama31-lora")
	t.Chdir(t.TempDir())
	if err := os.CopyFS(".", os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	link := func(to, name string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(to, name); err != nil {
			t.Fatal(err)
		}
	}
	put(t, "template/tokenizer.json", []byte("{}"), 0o644)
	put(t, "secret.json", []byte("outside"), 0o644)
	if err := os.CopyFS("hub/models--x/blobs", os.DirFS("template")); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"plain/", "hub/models--x/snapshots/0a1b/"} {
		entries, err := os.ReadDir("template")
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			to := "../../blobs/" + e.Name()
			if dir == "plain/" {
				to = "../template/" + e.Name()
			}
			link(to, dir+e.Name())
		}
	}
	for _, dir := range []string{"out-of-it", "nowhere"} {
		if err := os.CopyFS(dir, os.DirFS("template")); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(dir + "/tokenizer.json"); err != nil {
			t.Fatal(err)
		}
	}
	link("../secret.json", "out-of-it/tokenizer.json")
	link("not-there", "nowhere/tokenizer.json")
	link("../../../../secret.json", "hub/models--x/snapshots/out/tokenizer.json")
	link("../../blobs/config.json", "hub/models--x/snapshots/out/config.json")
	link("hub/models--x/snapshots/0a1b", "latest")

	const fault = `"tokenizer.json" leads nowhere, or out of the template: put the file itself in its place`
	for _, tt := range []struct {
		template string
		code     int
		want     string
	}{
		{"template", 0, ""},
		{"hub/models--x/snapshots/0a1b", 0, ""},
		{"latest", 0, ""},
		{"out-of-it", 4, fault},
		{"nowhere", 4, fault},
		{"hub/models--x/snapshots/out", 4, fault},
		{"plain", 4, `"config.json" leads nowhere`},
	} {
		out := "out/" + strings.ReplaceAll(tt.template, "/", "-")
		code, _, stderr := loraconv(t, "merge", "maxtext", "checkpoint/base", out, "-adapter", "checkpoint/lora", "-template", tt.template)
		if code != tt.code || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit %d, wanted %d and %s\n%s", tt.template, code, tt.code, tt.want, stderr)
		}
		b, err := os.ReadFile(out + "/tokenizer.json")
		if code == 0 && string(b) != "{}" || code != 0 && err == nil {
			t.Errorf("%s: tokenizer.json is %q, %v", tt.template, b, err)
		}
	}
}
