package orbax

import "strings"

// kind is what a directory is.
type kind uint8

const (
	unknown kind = iota
	treeDir      // a tree of parameters
	stepDir      // items below it, or a released directory
	runDir       // steps below it
)

// classify says what a directory is. Of a directory that does not say so
// itself, the children decide: a tree whose name is no step's makes it a step.
func (l *look) classify() (kind, error) {
	if l.isTree() {
		return treeDir, nil
	}
	if l.isStep() {
		return stepDir, nil
	}
	runs, saving := false, false
	for _, name := range l.dirs {
		_, isStep := stepNumber(name)
		isTmp := unfinished(name)
		saving = saving || isTmp
		if isStep || isTmp {
			runs = runs || isStep || strings.Contains(name, "_") || stepName.MatchString(before(name, "."))
			continue
		}
		child, err := l.child(name)
		if err != nil {
			return unknown, err
		}
		if child.isTree() {
			return stepDir, nil
		}
	}
	switch {
	case l.hasArrays():
		return treeDir, nil
	case runs:
		return runDir, nil
	case saving: // of its items
		return stepDir, nil
	default:
		return unknown, nil
	}
}
