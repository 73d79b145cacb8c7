// Command bench measures whole conversions, as users run them, against the
// least that they could cost: unpacking the same bytes with zstd.
//
//	make bench
//	go run ./cmd/internal/bench -dir /var/tmp/bench -rounds 5
//
// It makes three checkpoints (package gen says how), unless -dir holds them from
// an earlier time, and puts the zstd frames that they consist of into files of
// their own. Then, in rounds in which everything takes its turn, it runs
//
//	zstd -d frames... | cat > /dev/null
//	loraconv run spec.hcl -memory ...        to bfloat16 and to float32
//
// and prints medians, with the least and the most, of
//
//   - throughput: bytes of the decoded parameters by the wall clock, from the
//     start of the process to its end, reading digests back, fsync and rename
//     included. The ratio is taken within each round.
//   - CPU: user and system time of a process and of all its children that it has
//     waited for (getrusage): host and worker, zstd and cat. What the kernel does
//     in its own threads, such as writing pages back, counts for nobody.
//   - memory: the peaks of the processes that live at one time, added up. A peak
//     is VmHWM: anonymous, shared and file pages, where the last are the
//     executable's own, which makes the sum too large by what processes share.
//     Pages of the page cache that no process has mapped do not count. It is
//     looked at every 20 ms; a peak between two looks is in it.
//
// Both read from the page cache: what is about to be read is read before, off
// the clock, which takes about 13 GB of memory at the full sizes.
//
// It exits with 1 if memory goes over what was allowed, or if the CPU of a
// conversion of openpi's to bfloat16 is more than twice that of zstd. With -small, sizes
// are those of a test, and times mean nothing: only memory is judged.
package main
