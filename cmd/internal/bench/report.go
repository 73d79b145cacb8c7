package main

import (
	"fmt"
	"slices"
	"text/tabwriter"
)

// spread is the median of some numbers, with the least and the most.
type spread struct{ mid, least, most float64 }

// over computes of for each round.
func over(rounds int, of func(round int) float64) spread {
	v := make([]float64, rounds)
	for i := range v {
		v[i] = of(i)
	}
	slices.Sort(v)
	mid := v[len(v)/2]
	if len(v)%2 == 0 {
		mid = (v[len(v)/2-1] + v[len(v)/2]) / 2
	}
	return spread{mid, v[0], v[len(v)-1]}
}

func (s spread) String() string { return fmt.Sprintf("%.2f [%.2f-%.2f]", s.mid, s.least, s.most) }

// figures are what a case comes to.
type figures struct {
	gbs, speed   spread // decoded GB/s, and as a multiple of zstd's
	seconds, cpu spread // CPU seconds, and as a multiple of zstd's
	peak         int64
}

func (t *testCase) figures() (f figures) {
	n, c := len(t.runs), t.checkpoint
	f.gbs = over(n, func(i int) float64 { return gb(c.decoded) / t.runs[i].wall.Seconds() })
	f.speed = over(n, func(i int) float64 { return c.zstd[i].wall.Seconds() / t.runs[i].wall.Seconds() })
	f.seconds = over(n, func(i int) float64 { return t.runs[i].cpu.Seconds() })
	f.cpu = over(n, func(i int) float64 { return t.runs[i].cpu.Seconds() / c.zstd[i].cpu.Seconds() })
	for _, u := range t.runs {
		f.peak = max(f.peak, u.peak)
	}
	return f
}

// report prints all figures and tells whether all bounds hold.
func (b *bench) report() bool {
	fmt.Fprintf(b.out, "\nmedian [least-most] of %d rounds\n", b.rounds)
	w := tabwriter.NewWriter(b.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "case\tGB/s\tof zstd's\tCPU s\tof zstd's\tMiB\t")
	for _, c := range b.checkpoints {
		if len(c.cases) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s zstd -d | cat\t%v\t1\t%v\t1\t\t\n", c.name,
			over(len(c.zstd), func(i int) float64 { return gb(c.decoded) / c.zstd[i].wall.Seconds() }),
			over(len(c.zstd), func(i int) float64 { return c.zstd[i].cpu.Seconds() }))
		for _, t := range c.cases {
			f := t.figures()
			fmt.Fprintf(w, "%v\t%v\t%v\t%v\t%v\t%d\t\n", t, f.gbs, f.speed, f.seconds, f.cpu, f.peak>>20)
		}
	}
	_ = w.Flush()
	fmt.Fprintln(b.out)
	ok := true
	for _, c := range b.checkpoints {
		for _, t := range c.cases {
			ok = b.judge(t) && ok
		}
	}
	return ok
}

// judge prints a line for each bound of a case.
func (b *bench) judge(t *testCase) bool {
	f := t.figures()
	ok := true
	check := func(holds bool, format string, args ...any) {
		word := "PASS"
		if !holds {
			word, ok = "FAIL", false
		}
		fmt.Fprintf(b.out, "%s  %-24v %s\n", word, t, fmt.Sprintf(format, args...))
	}
	switch {
	case f.peak == 0:
		fmt.Fprintf(b.out, "----  %-24v memory: not known without /proc\n", t)
	default:
		check(f.peak <= t.allowed, "memory: %d MiB, at most %d", f.peak>>20, t.allowed>>20)
	}
	if b.small || t.dtype != "bfloat16" || t.memory != "1GiB" {
		return ok
	}
	if c := t.checkpoint; c.within > 0 {
		check(f.cpu.mid <= c.within, "CPU: %.2f times zstd's, at most %.1f", f.cpu.mid, c.within)
	} else {
		fmt.Fprintf(b.out, "----  %-24v CPU: %.2f times zstd's\n", t, f.cpu.mid)
	}
	verdict := "as wanted"
	if f.speed.mid < t.checkpoint.wanted {
		verdict = "less than wanted"
	}
	fmt.Fprintf(b.out, "----  %-24v throughput: %.2f of zstd's, %s (%.1f)\n", t, f.speed.mid, verdict, t.checkpoint.wanted)
	return ok
}
