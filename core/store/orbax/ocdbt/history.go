package ocdbt

import (
	"context"
	"fmt"

	"github.com/loraconv/loraconv/core/store"
)

// Versions lists all generations that the manifest still knows, oldest first,
// reading the version nodes. It is for tests and tools: values of the latest
// generation need none of it.
func (db *Database) Versions(ctx context.Context) ([]Version, error) {
	var out []Version
	nodes := 0
	var descend func(versionRef) error
	descend = func(r versionRef) error {
		if nodes++; nodes > maxNodes {
			return fmt.Errorf("more than %d version nodes: %w", maxNodes, store.ErrUnsupported)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := db.readVersionNode(r)
		if err != nil {
			return fmt.Errorf("file %q, offset %d: OCDBT version node: %w", r.location.file.path, r.location.offset, err)
		}
		out = append(out, n.versions...)
		for _, child := range n.refs {
			if err := descend(child); err != nil {
				return err
			}
		}
		return nil
	}
	for _, r := range db.manifest.refs {
		if err := descend(r); err != nil {
			return nil, err
		}
	}
	return append(out, db.manifest.versions...), nil
}

func (db *Database) readVersionNode(r versionRef) (*versionNode, error) {
	if err := CheckPath(r.location.file.path); err != nil {
		return nil, err
	}
	data, err := readBlob(db.files, r.location)
	if err != nil {
		return nil, err
	}
	body, err := openEnvelope(data, magicVersion)
	if err != nil {
		return nil, err
	}
	return decodeVersionNode(body, r.location.file.path[:r.location.file.base], db.manifest.arity, r)
}

// versionNode is a decoded version node: either versions or refs is set.
type versionNode struct {
	versions []Version
	refs     []versionRef
}

// decodeVersionNode decodes the node that ref promises:
//
//	arity (log2)  u8
//	height        u8
//	data file table
//	versions (height 0) or version nodes (else)
func decodeVersionNode(body []byte, transitive string, arity uint8, ref versionRef) (*versionNode, error) {
	c := &cursor{data: body}
	if got := c.u8(); c.err == nil && got != arity {
		c.fail("arity 2^%d, the manifest says 2^%d", got, arity)
	}
	if got := c.u8(); c.err == nil && got != ref.height {
		c.fail("height %d, %d was promised", got, ref.height)
	}
	files := readFileTable(c, transitive)
	n := &versionNode{}
	last := uint64(0)
	if c.err == nil && ref.height == 0 {
		if n.versions = readVersions(c, files, arity); c.err == nil {
			last = n.versions[len(n.versions)-1].Generation
		}
	} else if c.err == nil {
		if n.refs = readVersionRefs(c, files, arity, ref.height, false); c.err == nil {
			last = n.refs[len(n.refs)-1].generation
			checkVersionRefs(c, n.refs, arity, ref.height)
		}
	}
	if c.err == nil && last != ref.generation {
		c.fail("last generation %d, %d was promised", last, ref.generation)
	}
	return n, c.done()
}

// checkVersionRefs checks the children of a version node of the given height:
// each ends at a multiple of the stride, save perhaps the last of all.
func checkVersionRefs(c *cursor, refs []versionRef, arity, height uint8) {
	shift := uint64(arity) * uint64(height)
	if shift+uint64(arity) > 63 {
		c.fail("version node of height %d with arity 2^%d", height, arity)
		return
	}
	stride := uint64(1) << shift
	for i, r := range refs {
		if r.generation%stride != 0 {
			c.fail("version node ends with generation %d, no multiple of %d", r.generation, stride)
		}
		if i > 0 && (r.generation-1)/stride == (refs[i-1].generation-1)/stride {
			c.fail("two version nodes for the generations up to %d", r.generation)
		}
		if r.count > stride {
			c.fail("version node of %d generations, at most %d fit", r.count, stride)
		}
	}
	first, last := refs[0].generation, refs[len(refs)-1].generation
	if (first-1)/stride>>arity != (last-1)/stride>>arity {
		c.fail("generations %d to %d in one version node", first, last)
	}
}
