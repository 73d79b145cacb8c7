package orbax

import (
	"strings"

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
