package ocdbt

// entry is one key of a decoded node; keys are relative to the prefix that the
// node inherits from its ancestors.
type entry struct {
	key string
	// Of a leaf's entry: the value, nil if it lies in a data file.
	inline []byte
	// Of an interior node's entry: the bytes of key that all keys below share,
	// and that the child leaves out.
	common int
	at     location // of the value in a data file, or of the child
}

// decodeNode decodes the body of a B-tree node of the height that its parent
// or the manifest promised:
//
//	height                  u8
//	data file table
//	number of entries       varint
//	key prefix lengths      varint, for all entries but the first
//	key suffix lengths      varint
//	common prefix lengths   varint, interior nodes only
//	key suffixes
//
// then, in a leaf, the lengths of all values (varint), their kinds (u8, 0
// inline, 1 in a data file), for those in a data file its index (varint) and
// the offset (varint), and the inline values end to end; in an interior node
// index, offset and length of the children and three statistics.
func decodeNode(body []byte, transitive string, height uint8) ([]entry, error) {
	c := &cursor{data: body}
	if got := c.u8(); c.err == nil && got != height {
		c.fail("height %d, %d was promised", got, height)
	}
	files := readFileTable(c, transitive)
	n := c.count(32, 3)
	if c.err == nil && (n < 1 || n > maxEntries) {
		c.fail("%d entries, 1 to %d are allowed", n, maxEntries)
	}
	if c.err != nil {
		return nil, c.err
	}
	entries := readKeys(c, n, height > 0)
	if c.err == nil && height == 0 {
		readValues(c, entries, files)
	} else if c.err == nil {
		readChildren(c, entries, files)
	}
	if err := c.done(); err != nil {
		return nil, err
	}
	return entries, nil
}

// readKeys reads the keys, which must ascend.
func readKeys(c *cursor, n int, interior bool) []entry {
	prefixes := append([]int{0}, c.sizes16(n-1)...)
	suffixes := c.sizes16(n)
	var common []int
	if interior {
		common = c.sizes16(n)
	}
	if c.err != nil {
		return nil
	}
	entries := make([]entry, n)
	previous, total := "", 0
	for i := range entries {
		if prefixes[i] > len(previous) || prefixes[i]+suffixes[i] > maxPath {
			c.fail("key %d shares %d bytes with a key of %d", i, prefixes[i], len(previous))
			return nil
		}
		// Sharing prefixes, a small node may unfold to entries times 64 KiB of keys.
		if total += prefixes[i] + suffixes[i]; total > maxNode {
			c.fail("keys of more than %d bytes", maxNode)
			return nil
		}
		key := previous[:prefixes[i]] + string(c.bytes(suffixes[i]))
		if c.err != nil {
			return nil
		}
		if i > 0 && key <= previous {
			c.fail("key %q does not follow %q", key, previous)
			return nil
		}
		if entries[i].key = key; interior {
			if entries[i].common = common[i]; common[i] > len(key) {
				c.fail("the keys below %q share %d bytes", key, common[i])
				return nil
			}
		}
		previous = key
	}
	return entries
}

func readValues(c *cursor, entries []entry, files []dataFile) {
	lengths := c.varints(len(entries))
	kinds := c.bytes(len(entries))
	var far []int // entries whose value is in a data file
	for i, k := range kinds {
		switch k {
		case 0:
			if lengths[i] > maxInline {
				c.fail("inline value of %d bytes, at most %d are allowed", lengths[i], maxInline)
			}
		case 1:
			far = append(far, i)
		default:
			c.fail("value kind %d", k)
		}
	}
	index, offset := c.varints(len(far)), c.varints(len(far))
	if c.err != nil {
		return
	}
	for j, i := range far {
		if entries[i].at = locate(c, files, index[j], offset[j], lengths[i]); entries[i].at.missing() {
			c.fail("value of key %q has no place", entries[i].key)
		}
	}
	for i, k := range kinds {
		if k == 0 && c.err == nil {
			entries[i].inline = c.bytes(int(lengths[i]))
		}
	}
}

func readChildren(c *cursor, entries []entry, files []dataFile) {
	n := len(entries)
	index, offset, length := c.varints(n), c.varints(n), c.varints(n)
	c.varints(3 * n) // keys, tree bytes, indirect bytes: only statistics
	if c.err != nil {
		return
	}
	for i := range entries {
		if entries[i].at = locate(c, files, index[i], offset[i], length[i]); entries[i].at.missing() {
			c.fail("child at key %q has no place", entries[i].key)
		}
	}
}
