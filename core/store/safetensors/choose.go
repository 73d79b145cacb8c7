package safetensors

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/manifest"
	"github.com/loraconv/loraconv/core/store"
)

const (
	adapterConfig  = "adapter_config.json"
	adapterWeights = "adapter_model.safetensors"
)

// listing is what lies in a directory, sorted: its names alone decide which
// files are read.
type listing struct {
	weights []string
	indexes []string
	side    []manifest.File
	config  bool // adapter_config.json
	// warnings name what is there and is not looked at.
	warnings []string
}

const maxSideFiles = 10000

func list(root *os.Root) (*listing, error) {
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, err
	}
	l := &listing{}
	for _, e := range entries {
		n := e.Name()
		switch {
		case e.IsDir():
		case strings.HasSuffix(n, indexSuffix):
			l.indexes = append(l.indexes, n)
		case strings.HasSuffix(n, weightsSuffix):
			l.weights = append(l.weights, n)
		case !e.Type().IsRegular():
			l.warnings = append(l.warnings, fmt.Sprintf("%q is not a regular file (a link, perhaps) and is not listed", n))
		case store.CheckName(n) != nil:
			l.warnings = append(l.warnings, fmt.Sprintf("%q is no name that can be copied and is not listed", n))
		case len(l.side) >= maxSideFiles:
			return nil, fmt.Errorf("more than %d files beside the weights: %w", maxSideFiles, store.ErrUnsupported)
		default:
			info, err := e.Info()
			if err != nil {
				return nil, err
			}
			l.side = append(l.side, manifest.File{Path: n, Bytes: info.Size()})
			l.config = l.config || n == adapterConfig
		}
	}
	return l, nil
}

// choice is which files hold the tensors.
type choice struct {
	format  string
	layout  string
	weights []string
	index   string // its name, if there is one
	ignored []string
}

// choose decides by names: an adapter's one file, else what the index lists,
// else all weights there are.
func (l *listing) choose() (*choice, error) {
	switch {
	case l.config && slices.Contains(l.weights, adapterWeights):
		return &choice{format: "peft", layout: "adapter", weights: []string{adapterWeights},
			ignored: slices.DeleteFunc(slices.Clone(l.weights), func(n string) bool { return n == adapterWeights })}, nil
	case len(l.indexes) > 1:
		return nil, fmt.Errorf("%d indexes, %s: wanted one: %w", len(l.indexes), quoted(l.indexes), store.ErrFormat)
	case len(l.indexes) == 1:
		return &choice{format: "safetensors", index: l.indexes[0]}, nil
	case len(l.weights) == 0:
		return nil, fmt.Errorf("no %s file here: %w", weightsSuffix, store.ErrFormat)
	}
	if err := l.seriesComplete(); err != nil {
		return nil, err
	}
	c := &choice{format: "safetensors", layout: count(len(l.weights), "file"), weights: l.weights}
	return c, nil
}

// listed completes a choice by what its index says. Of the files that the
// index does not list, one that belongs to the same model is an error.
func (c *choice) listed(x *Index, l *listing) error {
	c.weights = x.Files()
	c.layout = count(len(c.weights), "shard") + " by " + c.index
	for _, f := range c.weights {
		if !slices.Contains(l.weights, f) {
			return fmt.Errorf("file %q: the index %q lists it, and it is not there: %w", f, c.index, store.ErrUnfinished)
		}
	}
	stem := strings.TrimSuffix(c.index, indexSuffix)
	for _, f := range l.weights {
		if slices.Contains(c.weights, f) {
			continue
		}
		if strings.HasPrefix(f, stem+"-") || f == stem+weightsSuffix {
			return fmt.Errorf("file %q: the index %q does not list it: %w", f, c.index, store.ErrCorrupt)
		}
		c.ignored = append(c.ignored, f)
	}
	return nil
}

// model-00002-of-00003.safetensors
var shardName = regexp.MustCompile(`^(.*)-([0-9]{5})-of-([0-9]{5})\.safetensors$`)

// series takes the name of a shard apart.
func series(name string) (prefix string, i, n int, ok bool) {
	m := shardName.FindStringSubmatch(name)
	if m == nil {
		return "", 0, 0, false
	}
	i, _ = strconv.Atoi(m[2])
	n, _ = strconv.Atoi(m[3])
	return m[1], i, n, true
}

// seriesComplete checks, where there is no index, that files which count
// themselves are all there.
func (l *listing) seriesComplete() error {
	type key struct {
		prefix string
		n      int
	}
	have := map[key]map[int]bool{}
	for _, w := range l.weights {
		if prefix, i, n, ok := series(w); ok {
			k := key{prefix, n}
			if have[k] == nil {
				have[k] = map[int]bool{}
			}
			have[k][i] = true
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(have), func(a, b key) int { return strings.Compare(a.prefix, b.prefix) }) {
		for i := 1; i <= k.n; i++ {
			if !have[k][i] {
				return fmt.Errorf("file \"%s-%05d-of-%05d%s\" is missing, others of its series are there: %w", k.prefix, i, k.n, weightsSuffix, store.ErrUnfinished)
			}
		}
		if len(have[k]) != k.n {
			return fmt.Errorf("%d files count themselves as \"%s-…-of-%05d%s\": %w", len(have[k]), k.prefix, k.n, weightsSuffix, store.ErrCorrupt)
		}
	}
	return nil
}

func quoted(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = strconv.Quote(n)
	}
	return strings.Join(q, ", ")
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
