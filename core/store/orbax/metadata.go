package orbax

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/internal/strictjson"
	"github.com/loraconv/loraconv/core/tensor"
)

// The files of a directory of parameters.
const (
	treeFile    = "_METADATA"
	stringsFile = "_strings.json"
	legacyFile  = "checkpoint"
	arraysDir   = "array_metadatas"
)

// leaf is an entry of _METADATA: a parameter, a text or an empty container.
type leaf struct {
	path       []string
	valueType  string
	skip       bool         // skip_deserialize
	writeShape tensor.Shape // nil if not recorded
}

// storageName is the name under which a leaf is stored: its path joined with
// dots, without any escaping.
func (l leaf) storageName() string { return strings.Join(l.path, ".") }

// empty reports whether the leaf is one of the containers that hold nothing.
func (l leaf) empty() bool {
	switch l.valueType {
	case "None", "Dict", "List", "Tuple", "NamedTuple":
		return true
	}
	return false
}

// treeMetadata is what _METADATA says.
type treeMetadata struct {
	leaves   []leaf
	useOCDBT *bool
	useZarr3 bool
	// strict: every chunk was written, also those that equal the fill value, so
	// that a missing one is data loss (store_array_data_equal_to_fill_value).
	strict bool
}

// parseMetadata reads _METADATA (orbax checkpoint/_src/metadata/tree.py). Of
// members that it does not know it takes no notice, as Orbax does.
func parseMetadata(doc []byte) (*treeMetadata, error) {
	m := &treeMetadata{}
	hasTree := false
	err := strictjson.Read(doc, strictjson.Limits{}, func(j *strictjson.Decoder) error {
		return j.Object(func(name string) (err error) {
			switch name {
			case "tree_metadata":
				hasTree = true
				err = j.Object(func(label string) error {
					l, err := readLeaf(j)
					m.leaves = append(m.leaves, l)
					if err != nil {
						err = fmt.Errorf("%q: %w", label, err)
					}
					return err
				})
			case "use_ocdbt":
				if null, nullErr := j.Null(); null || nullErr != nil {
					return nullErr
				}
				var v bool
				v, err = j.Bool()
				m.useOCDBT = &v
			case "use_zarr3":
				m.useZarr3, err = readFlag(j)
			case "store_array_data_equal_to_fill_value":
				m.strict, err = readFlag(j)
			default:
				err = j.Skip()
			}
			return err
		})
	})
	if err == nil && !hasTree {
		err = fmt.Errorf("no \"tree_metadata\"")
	}
	if err == nil {
		err = m.checkPaths()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, store.ErrCorrupt)
	}
	return m, nil
}

func readFlag(j *strictjson.Decoder) (bool, error) {
	if null, err := j.Null(); null || err != nil {
		return false, err
	}
	return j.Bool()
}

// maxPathLength bounds the components of a path.
const maxPathLength = 256

func readLeaf(j *strictjson.Decoder) (leaf, error) {
	var l leaf
	hasKey, hasValue := false, false
	err := j.Object(func(name string) error {
		switch name {
		case "key_metadata":
			hasKey = true
			return j.Array(func(i int) error {
				if i >= maxPathLength {
					return fmt.Errorf("path of more than %d components", maxPathLength)
				}
				key, err := readKey(j)
				l.path = append(l.path, key)
				return err
			})
		case "value_metadata":
			hasValue = true
			return readValueMetadata(j, &l)
		default:
			return j.Skip()
		}
	})
	if err == nil && (!hasKey || !hasValue) {
		err = fmt.Errorf("no \"key_metadata\" or no \"value_metadata\"")
	}
	return l, err
}

func readKey(j *strictjson.Decoder) (key string, err error) {
	has := false
	err = j.Object(func(name string) (err error) {
		if name == "key" {
			has = true
			key, err = j.String()
			return err
		}
		return j.Skip() // key_type: a sequence's index or a name, both strings here
	})
	if err == nil && !has {
		err = fmt.Errorf("no \"key\"")
	}
	return key, err
}

func readValueMetadata(j *strictjson.Decoder, l *leaf) error {
	has := false
	err := j.Object(func(name string) (err error) {
		switch name {
		case "value_type":
			has = true
			l.valueType, err = j.String()
		case "skip_deserialize":
			l.skip, err = readFlag(j)
		case "write_shape":
			if null, nullErr := j.Null(); null || nullErr != nil {
				return nullErr
			}
			var s []int
			s, err = j.Ints(tensor.MaxRank)
			l.writeShape = s
		default:
			err = j.Skip()
		}
		return err
	})
	if err == nil && !has {
		err = fmt.Errorf("no \"value_type\"")
	}
	return err
}

// checkPaths drops the placeholders that partial saves leave (an empty
// container that other paths go through) and refuses any other two leaves of
// which one's path is the other's, or its beginning.
func (m *treeMetadata) checkPaths() error {
	slices.SortFunc(m.leaves, func(a, b leaf) int { return slices.Compare(a.path, b.path) })
	kept := m.leaves[:0]
	for _, l := range m.leaves {
		for len(kept) > 0 {
			last := kept[len(kept)-1]
			if len(last.path) > len(l.path) || !slices.Equal(last.path, l.path[:len(last.path)]) {
				break
			}
			if !last.empty() || len(last.path) == len(l.path) {
				return fmt.Errorf("leaf %q and leaf %q cannot both be in a tree", last.path, l.path)
			}
			kept = kept[:len(kept)-1]
		}
		kept = append(kept, l)
	}
	m.leaves = kept
	return nil
}

// readStrings reads _strings.json: text by storage name. TensorStore took the
// name for a JSON pointer, so that one with slashes became nested objects
// (orbax type_handlers.py, StringHandler).
func readStrings(doc []byte) (map[string]string, error) {
	out := map[string]string{}
	var object func(j *strictjson.Decoder, prefix string) error
	object = func(j *strictjson.Decoder, prefix string) error {
		return j.Object(func(key string) error {
			switch k, err := j.Peek(); {
			case err != nil:
				return err
			case k == strictjson.Object:
				return object(j, prefix+key+"/")
			case k == strictjson.String:
				text, err := j.String()
				if _, ok := out[prefix+key]; ok && prefix != "" {
					return err // the name as a whole wins
				}
				out[prefix+key] = text
				return err
			default:
				return j.Skip()
			}
		})
	}
	err := strictjson.Read(doc, strictjson.Limits{}, func(j *strictjson.Decoder) error { return object(j, "") })
	if err != nil {
		return nil, fmt.Errorf("file %q: %w: %w", stringsFile, err, store.ErrCorrupt)
	}
	return out, nil
}
