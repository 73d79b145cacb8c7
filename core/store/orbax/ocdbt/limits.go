package ocdbt

// What a database may cost. TensorStore splits a node at 8 MiB of decoded
// bytes, Orbax asks for 100 000 000.
const (
	maxEnvelope   = 64 << 20  // stored bytes of a manifest or node
	maxNode       = 128 << 20 // decoded bytes of a manifest or node
	maxDecoded    = 256 << 20 // decoded bytes of all nodes
	maxRatio      = 512       // decoded bytes of a manifest or node for each stored byte, beyond a MiB
	maxNodes      = 1 << 17
	maxEntries    = 1 << 20 // of one node, and of the whole database
	maxInline     = 1 << 20 // bytes of a value inside a leaf
	maxPath       = 65535   // bytes of a key or of a data file's path
	maxArityLog2  = 16
	maxOffset     = 1<<63 - 1
	missingMarker = 1<<64 - 1 // offset and length of a root that does not exist
)
