package orbax

import (
	"fmt"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/loraconv/loraconv/core/store"
)

const tmpSuffix = ".orbax-checkpoint-tmp"

// unfinished reports whether a directory of this name is a save in progress,
// or one that was broken off (orbax atomicity_types.py; partial saves).
func unfinished(name string) bool {
	return strings.Contains(name, tmpSuffix) || strings.HasSuffix(name, ".partial_save") ||
		strings.Contains(name, ".pending_") || strings.HasPrefix(name, "._recovery_")
}

const unfinishedAdvice = "it is an unfinished save; wait until it is done, or name an earlier step"

// stepName matches 23, 0023, step_23 (orbax path/step.py).
var stepName = regexp.MustCompile(`^(?:.+_)?([0-9]{1,18})$`)

// stepNumber returns the step that a directory's name stands for.
func stepNumber(name string) (int, bool) {
	m := stepName.FindStringSubmatch(name)
	if m == nil || unfinished(name) {
		return 0, false
	}
	n, err := strconv.Atoi(m[1])
	return n, err == nil
}

// look is what one directory holds, links followed as far as they stay below
// the root.
type look struct {
	root  *os.Root
	dir   string
	files map[string]bool
	dirs  []string
	odd   map[string]bool // neither file nor directory, nor a link to one
}

func lookAt(root *os.Root, dir string) (*look, error) {
	entries, err := listDir(root, dir)
	if err != nil {
		return nil, err
	}
	l := &look{root: root, dir: dir, files: map[string]bool{}, odd: map[string]bool{}}
	for _, e := range entries {
		switch kind := kindOf(root, path.Join(dir, e.Name()), e); {
		case kind.IsDir():
			l.dirs = append(l.dirs, e.Name())
		case kind.IsRegular():
			l.files[e.Name()] = true
		default:
			l.odd[e.Name()] = true
		}
	}
	return l, nil
}

// isTree reports whether the directory says of itself that it holds a tree of
// parameters. What is called _METADATA and is no file is a damaged one, and not
// a reason to take every array for a tree of its own.
func (l *look) isTree() bool {
	return l.files[treeFile] || l.odd[treeFile] || slices.Contains(l.dirs, treeFile) || l.files["manifest.ocdbt"] || l.files[legacyFile] ||
		slices.ContainsFunc(l.dirs, func(d string) bool { return strings.HasPrefix(d, processPrefix) })
}

// maxProbes bounds the directories that are looked into for arrays.
const maxProbes = 4096

// hasArrays reports whether the directory is an array, or holds any: a tree
// without _METADATA and without OCDBT.
func (l *look) hasArrays() bool {
	if l.files[".zarray"] || l.files["zarr.json"] {
		return true
	}
	for i, d := range l.dirs {
		if i >= maxProbes {
			break
		}
		if p := path.Join(l.dir, d); exists(l.root, path.Join(p, ".zarray")) || exists(l.root, path.Join(p, "zarr.json")) {
			return true
		}
	}
	return false
}

// isStep reports whether the directory says of itself that it is a step.
func (l *look) isStep() bool { return l.files[checkpointFile] || l.files["orbax.checkpoint"] }

// child looks at a directory below.
func (l *look) child(name string) (*look, error) { return lookAt(l.root, path.Join(l.dir, name)) }

// steps returns the step directories of a run by number, and the names of those
// that are unfinished.
func (l *look) steps() (steps map[int][]string, tmp []string) {
	steps = map[int][]string{}
	for _, d := range l.dirs {
		if unfinished(d) {
			tmp = append(tmp, d)
		} else if n, ok := stepNumber(d); ok {
			steps[n] = append(steps[n], d)
		}
	}
	return steps, tmp
}

// chooseStep picks the wanted or the latest finished step of a run.
func (l *look) chooseStep(want *int) (name string, layout, warnings []string, err error) {
	steps, tmp := l.steps()
	numbers := []int{}
	for n, names := range steps {
		if len(names) > 1 {
			return "", nil, nil, fmt.Errorf("directories %q are all step %d; name one of them: %w", names, n, store.ErrFormat)
		}
		numbers = append(numbers, n)
	}
	slices.Sort(numbers)
	for _, t := range tmp {
		warnings = append(warnings, fmt.Sprintf("directory %q was passed over: it is an unfinished save", t))
	}
	if want != nil {
		if names := steps[*want]; len(names) == 1 {
			return names[0], []string{fmt.Sprintf("step %d of %d", *want, len(numbers))}, warnings, nil
		}
		if slices.ContainsFunc(tmp, func(t string) bool { n, ok := stepNumber(before(t, ".")); return ok && n == *want }) {
			return "", nil, nil, fmt.Errorf("step %d: %s: %w", *want, unfinishedAdvice, store.ErrUnfinished)
		}
		return "", nil, nil, fmt.Errorf("step %d; there are steps %v: %w", *want, numbers, store.ErrNotFound)
	}
	for i := len(numbers) - 1; i >= 0; i-- {
		name := steps[numbers[i]][0]
		done, err := l.finished(name)
		if err != nil {
			return "", nil, nil, err
		}
		if !done {
			warnings = append(warnings, fmt.Sprintf("step %d was passed over: its %s has no commit time, the save was not finished", numbers[i], checkpointFile))
			continue
		}
		layout := fmt.Sprintf("step %d, the latest of %d finished steps", numbers[i], i+1)
		if i == 0 {
			layout = fmt.Sprintf("step %d, the only finished step", numbers[i])
		}
		return name, []string{layout}, warnings, nil
	}
	return "", nil, nil, fmt.Errorf("no step is finished (found %q): %w", append(tmp, sortedSteps(steps)...), store.ErrUnfinished)
}

func before(s, sep string) string { head, _, _ := strings.Cut(s, sep); return head }

func sortedSteps(steps map[int][]string) []string {
	var out []string
	for _, names := range steps {
		out = append(out, names...)
	}
	slices.Sort(out)
	return out
}

// finished reports whether a step was committed, as far as it says.
func (l *look) finished(name string) (bool, error) {
	set := newFileSet(l.root)
	defer func() { _ = set.close() }()
	data, err := set.readAll(path.Join(l.dir, name, checkpointFile), maxStepMetadata)
	if err != nil {
		return true, nil // older releases wrote none; a damaged one is reported when the step is opened
	}
	m, err := parseStepMetadata(data)
	return err != nil || !m.begun || m.committed, nil
}
