// Package lock reads and writes .loraconv.lock.hcl, which stands beside a spec
// and pins the external plugins that it requires. The file is a contract:
//
//	# comments, at the top only
//	plugin "example.com/lab/pocket" {
//	  version     = "0.2.0"
//	  constraints = "~> 0.2"
//	  protocol    = 1
//	  sha256 = {
//	    darwin_arm64 = "b1d4…"
//	    linux_amd64  = "9f2c…"
//	  }
//	}
//
// version is the release that is pinned and constraints what the spec asked
// for, which may be absent; protocol is the version of the plugin protocol.
// sha256 maps a platform, GOOS_GOARCH, to the digest of the executable's bytes
// in lower-case hex. A platform that is not listed is not pinned, and the
// plugin does not run there.
//
// The reader is strict: what is not in this grammar is an error with a line.
// The writer gives the same bytes for the same content: plugins by source,
// platforms by name.
//
// cmd imports this package. It knows no plugin, starts none and looks for none.
package lock
