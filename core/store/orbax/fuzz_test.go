package orbax

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loraconv/loraconv/core/store"
)

const seedMetadata = `{"tree_metadata": {"('a', 'b')": {"key_metadata": [{"key": "a", "key_type": 2}, {"key": "b", "key_type": 2}],
 "value_metadata": {"value_type": "jax.Array", "skip_deserialize": false, "write_shape": [2, 3]}},
 "('n',)": {"key_metadata": [{"key": "n", "key_type": 1}], "value_metadata": {"value_type": "None", "skip_deserialize": true}}},
 "use_ocdbt": true, "use_zarr3": false, "store_array_data_equal_to_fill_value": true, "custom_metadata": {"x": NaN}}`

// FuzzMetadata fuzzes _METADATA. No path of what is accepted is another's
// beginning.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(seedMetadata))
	f.Add([]byte(`{"tree_metadata": {"()": {"key_metadata": [], "value_metadata": {"value_type": "scalar"}}}}`))
	for _, name := range []string{"bad-name-nul", "bad-name-dotdot", "bad-metadata-extra-leaf"} {
		doc, err := os.ReadFile(filepath.Join(unpack(f, "testdata/cases/"+name+".tgz"), name, "checkpoint", treeFile))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(doc)
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		m, err := parseMetadata(doc)
		if err != nil {
			if !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("error %v", err)
			}
			return
		}
		for i := 1; i < len(m.leaves); i++ {
			a, b := m.leaves[i-1].path, m.leaves[i].path
			if len(a) <= len(b) && slices.Equal(a, b[:len(a)]) {
				t.Errorf("leaf %q and leaf %q", a, b)
			}
		}
	})
}

// FuzzStepMetadata fuzzes _CHECKPOINT_METADATA, _strings.json and
// array_metadatas, which have little to hold.
func FuzzStepMetadata(f *testing.F) {
	f.Add([]byte(`{"item_handlers": {"items": "x"}, "init_timestamp_nsecs": 1, "commit_timestamp_nsecs": null, "custom_metadata": {"a": NaN}}`))
	f.Add([]byte(`{"a": "x", "b": {"c": {"d": "y"}}}`))
	f.Add([]byte(`{"array_metadatas": [{"array_metadata": {"param_name": "keys", "ext_metadata": {"random_key_impl": "rbg"}}}]}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if m, err := parseStepMetadata(doc); err == nil && !json.Valid(m.doc) {
			t.Errorf("metadata is not JSON: %q", m.doc)
		}
		_, _ = readStrings(doc)
		_ = readKeyTypes(doc, map[string]string{})
	})
}

// FuzzTree fuzzes a whole small directory of folders: documents, a chunk and
// the msgpack file. Whatever opens must read to its end or to an error.
func FuzzTree(f *testing.F) {
	zarray := `{"zarr_format":2,"shape":[2,3],"chunks":[2,2],"dtype":"<f4","compressor":null,"fill_value":null,"order":"C","filters":null}`
	f.Add([]byte(strings.Replace(seedMetadata, `"use_ocdbt": true`, `"use_ocdbt": false`, 1)), []byte(zarray), make([]byte, 16), []byte{})
	f.Add([]byte(strings.Replace(seedMetadata, `"skip_deserialize": false`, `"skip_deserialize": true`, 1)), []byte(zarray), make([]byte, 16),
		[]byte("\x81\xa1a\x81\xa1b\xc7\x0f\x01\x93\x91\x02\xa5int32\xc4\x08\x01\x02\x03\x04"))
	f.Fuzz(func(t *testing.T, metadata, zarray, chunk, msgpack []byte) {
		if len(metadata)+len(zarray)+len(chunk)+len(msgpack) > 1<<16 {
			return
		}
		dir := t.TempDir()
		writeFile(t, filepath.Join(dir, treeFile), string(metadata))
		writeFile(t, filepath.Join(dir, "a.b", ".zarray"), string(zarray))
		writeFile(t, filepath.Join(dir, "a.b", "0.0"), string(chunk))
		writeFile(t, filepath.Join(dir, "a.b", "0.1"), string(chunk))
		if len(msgpack) > 0 {
			writeFile(t, filepath.Join(dir, legacyFile), string(msgpack))
		}
		d, err := Open(context.Background(), dir, Options{MaxWindow: 1 << 20})
		if err != nil {
			return
		}
		defer func() { _ = d.Close() }()
		r, err := d.Tree(".")
		if err != nil {
			return
		}
		defer func() { _ = r.Close() }()
		for _, p := range r.Manifest().Tensors {
			if p.Shape.Elements()*p.DType.Size() < 1<<16 && len(r.Manifest().Duplicates()) == 0 {
				_, _ = readParam(r, p.Name)
			}
		}
	})
}
