package orbaxtest

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loraconv/loraconv/core/tensor"
)

// contents reads all files below a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(os.DirFS(dir), path)
		out[path] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestDeterministic: the same parameters give the same bytes, under the same
// names.
func TestDeterministic(t *testing.T) {
	shape := tensor.Shape{60, 50}
	data := make([]byte, shape.Elements()*4)
	for i := range data {
		data[i] = byte(i * i / 7)
	}
	params := []Param{
		{Path: []string{"a", "b"}, DType: tensor.Float32, Shape: shape, Chunk: tensor.Shape{20, 50}, Inner: tensor.Shape{10, 25}, Data: FromBytes(data, tensor.Float32, shape)},
		{Path: []string{"t"}, ValueType: "string", Text: "x"},
	}
	for _, o := range []Options{{}, {Zarr3: true, NodeEntries: 2}, {ProcessDir: true, DataFileBytes: 1, StepMetadata: StepMetadata([]string{"a"}, nil)}} {
		one, two := t.TempDir(), t.TempDir()
		for _, dir := range []string{one, two} {
			if err := Write(dir, params, o); err != nil {
				t.Fatal(err)
			}
		}
		got := contents(t, one)
		if d := cmp.Diff(got, contents(t, two)); d != "" {
			t.Error(d)
		}
		for _, name := range []string{"_METADATA", "manifest.ocdbt", "_strings.json"} {
			if got[name] == "" {
				t.Errorf("no file %q", name)
			}
		}
		if err := Write(one, params, o); err == nil || !strings.Contains(err.Error(), "exists") {
			t.Errorf("written over: error %v", err)
		}
	}
}

// TestWrongSize: a piece of another size is an error.
func TestWrongSize(t *testing.T) {
	p := Param{Path: []string{"w"}, DType: tensor.Float32, Shape: tensor.Shape{4}, Data: FromBytes(make([]byte, 12), tensor.Float32, tensor.Shape{3})}
	if err := Write(t.TempDir(), []Param{p}, Options{}); err != nil {
		t.Errorf("zeros beyond the bytes: %v", err)
	}
	p.Data = FromBytes(make([]byte, 16), tensor.Float32, tensor.Shape{3})
	if err := Write(t.TempDir(), []Param{p}, Options{}); err == nil {
		t.Error("sixteen bytes for three elements: accepted")
	}
}
