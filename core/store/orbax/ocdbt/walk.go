package ocdbt

import (
	"context"
	"fmt"
	"slices"

	"github.com/loraconv/loraconv/core/store"
)

type seenNode struct {
	file           string
	offset, length uint64
}

// walk descends through a B-tree, depth first, left to right.
type walk struct {
	ctx     context.Context
	files   Files
	onIndex func(Index)
	seen    map[seenNode]struct{}
	decoded int
	keys    int // bytes of keys
	entries []Entry
}

// node reads the node at l. Its full keys begin with prefix and lie in
// [lower, upper), or at or above lower where bounded is false. The references
// of l were read under the transitive path that l.file.base includes.
func (w *walk) node(l location, height uint8, prefix, lower, upper string, bounded bool) error {
	entries, err := w.read(l, height)
	if err != nil {
		return err
	}
	wrap := func(format string, args ...any) error {
		return fmt.Errorf("file %q, offset %d: OCDBT node: %w: %w", l.file.path, l.offset, fmt.Errorf(format, args...), store.ErrCorrupt)
	}
	if first := prefix + entries[0].key; first < lower {
		return wrap("key %q lies before %q, where the node begins", first, lower)
	}
	if last := prefix + entries[len(entries)-1].key; bounded && last >= upper {
		return wrap("key %q lies at or behind %q, where the next node begins", last, upper)
	}
	if height == 0 {
		return w.leaf(l, prefix, entries, wrap)
	}
	for i, e := range entries {
		key := prefix + e.key
		next, nextBounded := upper, bounded
		if i+1 < len(entries) {
			next, nextBounded = prefix+entries[i+1].key, true
		}
		if len(prefix)+e.common > maxPath {
			return wrap("keys of more than %d bytes", maxPath)
		}
		if err := w.node(e.at, height-1, key[:len(prefix)+e.common], key, next, nextBounded); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) leaf(l location, prefix string, entries []entry, wrap func(string, ...any) error) error {
	if len(w.entries)+len(entries) > maxEntries {
		return fmt.Errorf("OCDBT database of more than %d keys: %w", maxEntries, store.ErrUnsupported)
	}
	w.entries = slices.Grow(w.entries, len(entries))
	for _, e := range entries {
		if w.keys += len(prefix) + len(e.key); w.keys > maxNode {
			return fmt.Errorf("OCDBT database with more than %d bytes of keys: %w", maxNode, store.ErrUnsupported)
		}
		v := Value{Inline: e.inline, File: l.file.path, Offset: int64(l.offset), Length: int64(len(e.inline))}
		if e.inline == nil {
			v = Value{File: e.at.file.path, Offset: int64(e.at.offset), Length: int64(e.at.length)}
			if err := CheckPath(v.File); err != nil && (v.Length > 0 || v.File != "") {
				return wrap("value of key %q: %w", prefix+e.key, err)
			}
			if v.Length == 0 {
				v.Inline = []byte{}
			}
		}
		w.entries = append(w.entries, Entry{prefix + e.key, v})
	}
	return nil
}

// read reads and decodes one node, once.
func (w *walk) read(l location, height uint8) ([]entry, error) {
	if err := w.ctx.Err(); err != nil {
		return nil, err
	}
	name := l.file.path
	wrap := func(err error) error {
		return fmt.Errorf("file %q, offset %d: OCDBT node: %w", name, l.offset, err)
	}
	if err := CheckPath(name); err != nil {
		return nil, wrap(err)
	}
	id := seenNode{name, l.offset, l.length}
	if _, ok := w.seen[id]; ok {
		return nil, wrap(fmt.Errorf("the tree holds this node twice: %w", store.ErrCorrupt))
	}
	if w.seen[id] = struct{}{}; len(w.seen) > maxNodes {
		return nil, wrap(fmt.Errorf("tree of more than %d nodes: %w", maxNodes, store.ErrUnsupported))
	}
	data, err := readBlob(w.files, l)
	if err != nil {
		return nil, wrap(err)
	}
	w.onIndex(Index{fmt.Sprintf("%s %d %d", name, l.offset, l.length), data})
	body, err := openEnvelope(data, magicNode)
	if err != nil {
		return nil, wrap(err)
	}
	if w.decoded += len(body); w.decoded > maxDecoded {
		return nil, wrap(fmt.Errorf("tree of more than %d decoded bytes: %w", maxDecoded, store.ErrUnsupported))
	}
	entries, err := decodeNode(body, l.file.path[:l.file.base], height)
	if err != nil {
		return nil, wrap(err)
	}
	return entries, nil
}
