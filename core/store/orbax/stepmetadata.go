package orbax

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loraconv/loraconv/core/store"
	"github.com/loraconv/loraconv/core/store/orbax/internal/strictjson"
)

// checkpointFile describes a step, or a directory of parameters that is a
// checkpoint by itself (orbax step_metadata_serialization.py).
const (
	checkpointFile  = "_CHECKPOINT_METADATA"
	maxStepMetadata = 16 << 20
)

// stepMetadata is what _CHECKPOINT_METADATA says.
type stepMetadata struct {
	doc       []byte          // the document, as JSON proper
	items     map[string]bool // names of item_handlers, and whether they are trees; nil where that is not an object
	begun     bool            // a save began and noted when
	committed bool            // and it was finished
	custom    bool            // custom_metadata holds something
}

// treeHandler reports whether a handler, named by module and class, is one of
// those that write parameters.
func treeHandler(name string) bool {
	class := name[strings.LastIndexByte(name, '.')+1:]
	return class == "PyTreeCheckpointHandler" || class == "StandardCheckpointHandler" || class == "PyTreeHandler"
}

func parseStepMetadata(data []byte) (*stepMetadata, error) {
	m := &stepMetadata{}
	limits := strictjson.Limits{Bytes: maxStepMetadata}
	err := strictjson.Read(data, limits, func(j *strictjson.Decoder) error {
		return j.Object(func(name string) error {
			k, err := j.Peek()
			if err != nil {
				return err
			}
			switch {
			case name == "item_handlers" && k == strictjson.Object:
				m.items = map[string]bool{}
				return j.Object(func(item string) error {
					m.items[item] = false
					if k, err := j.Peek(); err != nil {
						return err
					} else if k != strictjson.String {
						return j.Skip()
					}
					handler, err := j.String()
					m.items[item] = treeHandler(handler)
					return err
				})
			case name == "custom_metadata" && k == strictjson.Object:
				return j.Object(func(string) error {
					m.custom = true
					return j.Skip()
				})
			case name == "init_timestamp_nsecs":
				m.begun = k != strictjson.Null
			case name == "commit_timestamp_nsecs":
				m.committed = k != strictjson.Null
			}
			return j.Skip()
		})
	})
	if err == nil {
		m.doc, err = strictjson.Rewrite(data, limits)
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// loadMetadata reads _CHECKPOINT_METADATA: the directory's own, or, for an item
// that says nothing of its own, that of the step above it, if that names the
// item.
func (d *directory) loadMetadata(l *look, abs string) error {
	own := l.files[checkpointFile]
	var m *stepMetadata
	var err error
	if own {
		var data []byte
		if data, err = d.files.readAll(checkpointFile, maxStepMetadata); err != nil {
			return err
		}
		m, err = parseStepMetadata(data)
		if err == nil && !m.custom && len(d.description.Trees) == 1 {
			if above, err := stepAbove(abs); err == nil && above != nil && above.custom {
				d.description.Metadata = above.doc
			}
		}
	} else if len(d.description.Trees) == 1 {
		m, err = stepAbove(abs)
	}
	switch {
	case err != nil:
		// Orbax takes a file that it cannot read for one that is not there.
		d.description.Warnings = append(d.description.Warnings, fmt.Sprintf("file %q is not readable, its metadata is missing: %v", checkpointFile, err))
		return nil
	case m == nil:
		return nil
	case own && m.begun && !m.committed:
		return fmt.Errorf("file %q has no commit time: %s: %w", checkpointFile, unfinishedAdvice, store.ErrUnfinished)
	}
	if d.description.Metadata == nil {
		d.description.Metadata = m.doc
	}
	if own {
		d.warnAbsent(l, m)
	}
	return nil
}

// warnAbsent notes trees that a step's metadata lists and that were taken away.
func (d *directory) warnAbsent(l *look, m *stepMetadata) {
	for _, item := range sortedKeys(m.items) {
		if m.items[item] && !slices.Contains(l.dirs, item) {
			d.description.Warnings = append(d.description.Warnings, fmt.Sprintf("item %q, which %s lists, is not there", item, checkpointFile))
		}
	}
}

// stepAbove reads the metadata of the step that an item lies in; nil if there
// is none that names the item.
func stepAbove(abs string) (*stepMetadata, error) {
	root, err := os.OpenRoot(filepath.Dir(abs))
	if err != nil {
		return nil, nil
	}
	defer func() { _ = root.Close() }()
	set := newFileSet(root)
	defer func() { _ = set.close() }()
	data, err := set.readAll(checkpointFile, maxStepMetadata)
	if err != nil {
		return nil, nil
	}
	m, err := parseStepMetadata(data)
	if err != nil {
		return nil, nil
	}
	if _, ok := m.items[filepath.Base(abs)]; !ok {
		return nil, nil
	}
	return m, nil
}
