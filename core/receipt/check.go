package receipt

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/loraconv/loraconv/core/store"
)

// check reports what no manifest may say, whoever wrote it: a name that leaves
// the directory, a digest that is none, a tensor that does not lie in its file
// or overlaps another. Files and tensors are sorted by name.
func (m *Manifest) check() error {
	sizes, err := m.checkFiles()
	if err != nil {
		return err
	}
	for i, t := range m.Tensors {
		if i > 0 && m.Tensors[i-1].Name == t.Name {
			return fmt.Errorf("tensor %q stands twice", t.Name)
		}
		size, ok := sizes[t.File]
		if !ok {
			return fmt.Errorf("tensor %q: file %q is not listed", t.Name, t.File)
		}
		if err := t.check(size); err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
	}
	if err := m.checkOverlaps(); err != nil {
		return err
	}
	a := m.Accounting
	if min(a.SourceParameters, a.Read, a.Folded, a.Outputs, a.Merged) < 0 {
		return errors.New("a count is negative")
	}
	texts := []string{m.Conversion, m.PlanDigest}
	for _, j := range m.Judged {
		if !isDigest(j.SHA256) {
			return fmt.Errorf("%s: digest %q", j.Name, j.SHA256)
		}
		texts = append(texts, j.Name, j.Found)
	}
	for _, d := range a.Dropped {
		texts = append(texts, d.From, d.Name, d.Reason)
	}
	return checkTexts(texts...)
}

func (m *Manifest) checkFiles() (sizes map[string]int64, err error) {
	names := []string{ManifestName, ProvenanceName}
	sizes = map[string]int64{}
	for _, f := range m.Files {
		if f.Bytes < 0 || !isDigest(f.SHA256) {
			return nil, fmt.Errorf("file %q: %d bytes with the digest %q", f.Name, f.Bytes, f.SHA256)
		}
		names = append(names, f.Name)
		sizes[f.Name] = f.Bytes
	}
	return sizes, store.CheckNames(names)
}

// check checks a tensor of a file of size bytes.
func (t *Tensor) check(size int64) error {
	if err := t.Shape.Check(t.DType); err != nil {
		return err
	}
	if want := int64(t.Shape.Elements()) * int64(t.DType.Size()); t.Bytes != want {
		return fmt.Errorf("%d bytes, %v of shape %v has %d", t.Bytes, t.DType, t.Shape, want)
	}
	if t.Offset < 0 || t.Bytes > size || t.Offset > size-t.Bytes {
		return fmt.Errorf("%d bytes at %d of %q, which has %d", t.Bytes, t.Offset, t.File, size)
	}
	if t.NonFinite < 0 || !isDigest(t.SHA256) {
		return fmt.Errorf("%d non-finite values, digest %q", t.NonFinite, t.SHA256)
	}
	if m := t.Measured; m != nil {
		for _, n := range []string{m.Drift, m.BaseNorm, m.DeltaNorm, m.Retention} {
			if v, err := strconv.ParseFloat(n, 64); err != nil || math.IsNaN(v) || math.IsInf(v, 0) || n != strconv.FormatFloat(v, 'g', -1, 64) {
				return fmt.Errorf("%q is no finite number as it is written here", n)
			}
		}
	}
	return checkTexts(append([]string{t.Name, t.Rule}, t.Sources...)...)
}

func (m *Manifest) checkOverlaps() error {
	byPlace := slices.Clone(m.Tensors)
	slices.SortFunc(byPlace, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Bytes, b.Bytes))
	})
	for i := 1; i < len(byPlace); i++ {
		a, b := &byPlace[i-1], &byPlace[i]
		if a.File == b.File && a.Offset+a.Bytes > b.Offset {
			return fmt.Errorf("tensors %q and %q overlap in %q", a.Name, b.Name, a.File)
		}
	}
	return nil
}

// checkTexts refuses what JSON cannot hold: encoding/json would replace it.
func checkTexts(texts ...string) error {
	for _, s := range texts {
		if !utf8.ValidString(s) {
			return fmt.Errorf("%q is not valid UTF-8", s)
		}
	}
	return nil
}

// isDigest reports whether s is a SHA-256 in lower-case hex.
func isDigest(s string) bool {
	if len(s) != 64 {
		return false
	}
	for _, c := range s {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
