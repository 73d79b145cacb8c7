package ocdbt

// Version is one generation of the database.
type Version struct {
	Generation uint64
	CommitTime uint64 // nanoseconds since 1970
	Keys       uint64 // statistics, as stored
	height     uint8
	root       location
}

// readVersions reads a leaf version entry array, which a manifest and a
// version node of height 0 end with:
//
//	number of versions        varint
//	generation                varint  \
//	root height               u8       |
//	root file, offset, length varint   | a column each
//	keys, tree bytes, indirect bytes   |
//	commit time               u64     /
func readVersions(c *cursor, files []dataFile, arity uint8) []Version {
	n := c.count(64, 16)
	if c.err != nil {
		return nil
	}
	if n < 1 || n > 1<<arity {
		c.fail("%d versions, 1 to %d are allowed", n, 1<<arity)
		return nil
	}
	generations := c.varints(n)
	heights := c.bytes(n)
	index, offset, length := c.varints(n), c.varints(n), c.varints(n)
	keys := c.varints(n)
	c.varints(2 * n) // tree bytes and indirect value bytes: only statistics
	times := column(c, n, c.u64)
	if c.err != nil {
		return nil
	}
	out := make([]Version, n)
	for i := range out {
		out[i] = Version{Generation: generations[i], CommitTime: times[i], Keys: keys[i], height: heights[i], root: locate(c, files, index[i], offset[i], length[i])}
		if g := generations[i]; g == 0 || i > 0 && g <= generations[i-1] {
			c.fail("generation %d does not follow the one before it", g)
		}
		if out[i].root.missing() && heights[i] != 0 {
			c.fail("an empty version of height %d", heights[i])
		}
	}
	if last := generations[n-1]; generations[0] < last-(last-1)%(1<<arity) {
		c.fail("generations %d to %d do not fit one array of %d", generations[0], last, 1<<arity)
	}
	if c.err != nil {
		return nil
	}
	return out
}

// versionRef points to a version node.
type versionRef struct {
	generation uint64 // the last one below it
	count      uint64 // of generations below it
	height     uint8
	location   location
}

// readVersionRefs reads an interior version entry array. A manifest's has the
// heights of the nodes in a last column (inManifest); within a version node
// they are one less than its own.
func readVersionRefs(c *cursor, files []dataFile, arity uint8, height uint8, inManifest bool) []versionRef {
	n := c.count(64, 13)
	if c.err != nil {
		return nil
	}
	// A manifest has one node of a height, however few fit a version node:
	// checkManifestRefs bounds them.
	if !inManifest && (n < 1 || n > 1<<arity) {
		c.fail("%d version nodes, 1 to %d are allowed", n, 1<<arity)
		return nil
	}
	generations := c.varints(n)
	index, offset, length := c.varints(n), c.varints(n), c.varints(n)
	counts := c.varints(n)
	column(c, n, c.u64) // commit times
	var heights []byte
	if inManifest {
		heights = c.bytes(n)
	}
	if c.err != nil {
		return nil
	}
	out := make([]versionRef, n)
	for i := range out {
		out[i] = versionRef{generations[i], counts[i], height - 1, locate(c, files, index[i], offset[i], length[i])}
		if inManifest {
			out[i].height = heights[i]
		}
		if g := generations[i]; g == 0 || i > 0 && g <= generations[i-1] {
			c.fail("version node of generation %d does not follow the one before it", g)
		}
		if out[i].location.missing() {
			c.fail("version node without a place")
		}
	}
	if c.err != nil {
		return nil
	}
	return out
}

// checkManifestRefs checks the version nodes of a manifest against its last
// generation: of each height there is at most one node, which holds a fixed
// range of generations (format/manifest.cc, ValidateManifestVersionTreeNodes).
func checkManifestRefs(c *cursor, refs []versionRef, arity uint8, last uint64) {
	a := uint64(arity)
	for i, r := range refs {
		if r.height < 1 || uint64(r.height) >= 63/a || i > 0 && r.height >= refs[i-1].height {
			c.fail("version node of height %d in a wrong place", r.height)
			return
		}
	}
	i := len(refs) - 1
	upper := (last - 1) >> a << a
	for h := uint64(1); upper != 0; h++ {
		next := uint64(0)
		if shift := (h + 1) * a; shift < 64 {
			next = (upper - 1) >> shift << shift
		}
		if i >= 0 && uint64(refs[i].height) == h {
			if g := refs[i].generation; g <= next || g > upper {
				c.fail("version node of height %d ends with generation %d, outside %d..%d", h, g, next+1, upper)
				return
			}
			i--
		}
		upper = next
	}
	if i >= 0 {
		c.fail("version node of height %d, beyond the generations there are", refs[i].height)
	}
}
