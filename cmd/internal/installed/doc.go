// Package installed finds the executables of external plugins on this machine.
// Below each place they lie as
//
//	SOURCE/VERSION/GOOS_GOARCH/loraconv-plugin-NAME
//
// such as example.com/lab/pocket/0.2.0/linux_amd64/loraconv-plugin-pocket (on
// Windows with .exe). The places are fixed: see Places. The working directory,
// the spec's directory and $PATH are never looked at, and nothing is ever
// downloaded.
//
// To be found is not to be trusted: what may run is pinned in a lock file,
// which is package core/lock's, and the decision is cmd/internal/session's.
package installed
