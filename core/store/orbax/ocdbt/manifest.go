package ocdbt

import (
	"fmt"

	"github.com/loraconv/loraconv/core/store"
)

// manifest is a decoded manifest.
type manifest struct {
	uuid     [16]byte
	numbered bool // the versions are in other files
	arity    uint8
	versions []Version
	refs     []versionRef
}

// decodeManifest decodes the body of a manifest:
//
//	uuid                   16 bytes
//	kind                   u8, 0 single, 1 numbered
//	inline limit           varint  \ steer writers only
//	node limit             varint  /
//	arity (log2)           u8
//	compression            varint, 0 none, 1 zstd: then its level, i32
//
// and, where kind is 0, the data file table, the versions and the version
// nodes. The path of the table's own directory is "".
func decodeManifest(body []byte) (*manifest, error) {
	c := &cursor{data: body}
	m := &manifest{}
	copy(m.uuid[:], c.bytes(16))
	kind := c.u8()
	c.varint(32)
	c.varint(32)
	m.arity = c.u8()
	compression := c.varint(32)
	if c.err != nil {
		return nil, c.err
	}
	switch {
	case kind > 1:
		return nil, fmt.Errorf("manifest kind %d: %w", kind, store.ErrUnsupported)
	case compression > 1:
		return nil, fmt.Errorf("compression method %d: %w", compression, store.ErrUnsupported)
	case m.arity < 1 || m.arity > maxArityLog2:
		c.fail("arity 2^%d of the version tree, 2^1 to 2^%d are allowed", m.arity, maxArityLog2)
	}
	if compression == 1 {
		c.bytes(4)
	}
	if m.numbered = kind == 1; m.numbered {
		return m, c.done()
	}
	files := readFileTable(c, "")
	if c.err == nil {
		m.versions = readVersions(c, files, m.arity)
	}
	if c.err == nil {
		m.refs = readVersionRefs(c, files, m.arity, 0, true)
	}
	if c.err == nil {
		checkManifestRefs(c, m.refs, m.arity, m.versions[len(m.versions)-1].Generation)
	}
	return m, c.done()
}
