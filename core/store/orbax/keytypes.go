package orbax

import (
	"errors"
	"fmt"
	"hash"
	"path"
	"strings"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/internal/strictjson"
)

const maxProcesses = 1 << 14

// loadKeyTypes notes which parameters are typed PRNG keys, whose words are what
// is stored: array_metadatas/process_*, one file for each process that wrote.
func (l *loader) loadKeyTypes(sum hash.Hash) error {
	t := l.tree
	info, err := t.dir.root.Stat(t.dir.path(arraysDir))
	if err != nil || !info.IsDir() {
		return nil
	}
	entries, err := listDir(t.dir.root, t.dir.path(arraysDir))
	if err != nil {
		return err
	}
	if len(entries) > maxProcesses {
		return fmt.Errorf("directory %q has more than %d files: %w", t.dir.path(arraysDir), maxProcesses, store.ErrUnsupported)
	}
	keys := map[string]string{}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "process_") {
			continue
		}
		name := path.Join(arraysDir, e.Name())
		data, err := t.optional(name, sum)
		if err != nil {
			return err
		}
		if err := readKeyTypes(data, keys); err != nil {
			// Only this remark depends on it; Orbax does without the file, too.
			t.man.Warnings = append(t.man.Warnings, fmt.Sprintf("file %q is not readable: %v", t.dir.path(name), err))
		}
	}
	for _, name := range sortedKeys(keys) {
		if l.arrays[l.arrayName(name)] != nil {
			t.man.Layout = append(t.man.Layout, fmt.Sprintf("%q is a PRNG key (%s)", name, keys[name]))
		}
	}
	return nil
}

// readKeyTypes reads
//
//	{"array_metadatas": [{"array_metadata": {"param_name": "...", "ext_metadata": null | {"random_key_impl": "..."}}}]}
func readKeyTypes(doc []byte, keys map[string]string) error {
	entry := func(j *strictjson.Decoder) error {
		name, impl := "", ""
		err := j.Object(func(member string) (err error) {
			switch member {
			case "param_name":
				name, err = j.String()
			case "ext_metadata":
				if null, err := j.Null(); null || err != nil {
					return err
				}
				err = j.Object(func(member string) (err error) {
					if member == "random_key_impl" {
						impl, err = j.String()
						return err
					}
					return j.Skip()
				})
			default:
				err = j.Skip()
			}
			return err
		})
		if impl != "" {
			keys[name] = impl
		}
		return err
	}
	return strictjson.Read(doc, strictjson.Limits{}, func(j *strictjson.Decoder) error {
		return j.Object(func(member string) error {
			if member != "array_metadatas" {
				return j.Skip()
			}
			return j.Array(func(int) error {
				return j.Object(func(member string) error {
					if member != "array_metadata" {
						return errors.New("unknown member")
					}
					return entry(j)
				})
			})
		})
	})
}
