package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/loraconv/loraconv/core/store/orbax/orbaxtest"
	"github.com/loraconv/loraconv/core/tensor"
)

// TestScripts runs testdata/script/*.txtar. Beyond testscript's own commands:
//
//	exits CODE loraconv ARGS…       runs a command that must end with this code
//	safetensors FILE NAME=V,V…      writes float32 vectors
//	orbax DIR NAME[:DTYPE]=DIMS…    writes a tree; its values count upwards
//	step DIR ITEM…                  marks a directory as a finished step
//	flip FILE OFFSET                changes one bit; from the end where negative
//	object FILE KEY…                FILE is one JSON object with these keys
func TestScripts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	examples, err := filepath.Abs("../../examples")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			bin := filepath.Join(e.WorkDir, ".bin")
			if err := os.Mkdir(bin, 0o755); err != nil {
				return err
			}
			e.Setenv("LORACONV_TEST_MAIN", "1")
			e.Setenv("EXAMPLES", examples)
			e.Setenv("PATH", bin+string(filepath.ListSeparator)+e.Getenv("PATH"))
			return os.Symlink(self, filepath.Join(bin, "loraconv"))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":       scriptExits,
			"safetensors": scriptSafetensors,
			"orbax":       scriptOrbax,
			"step":        scriptStep,
			"flip":        scriptFlip,
			"object":      scriptObject,
		},
	})
}

func scriptExits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	code := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit %d, wanted %d", code, want)
	}
}

func scriptSafetensors(ts *testscript.TestScript, _ bool, args []string) {
	header, data := map[string]any{}, []byte{}
	for _, a := range args[1:] {
		name, list, _ := strings.Cut(a, "=")
		from := len(data)
		for _, v := range strings.Split(list, ",") {
			f, err := strconv.ParseFloat(v, 32)
			ts.Check(err)
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(f)))
		}
		header[name] = map[string]any{"dtype": "F32", "shape": []int{(len(data) - from) / 4}, "data_offsets": []int{from, len(data)}}
	}
	js, err := json.Marshal(header)
	ts.Check(err)
	js = append(js, strings.Repeat(" ", -len(js)&7)...)
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(os.WriteFile(path, append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(js))), js...), data...), 0o644))
}

func scriptOrbax(ts *testscript.TestScript, _ bool, args []string) {
	var params []orbaxtest.Param
	for _, a := range args[1:] {
		name, dims, _ := strings.Cut(a, "=")
		name, typ, ok := strings.Cut(name, ":")
		if !ok {
			typ = "float32"
		}
		d, err := tensor.ParseDType(typ)
		ts.Check(err)
		shape := tensor.Shape{}
		for _, s := range strings.FieldsFunc(dims, func(r rune) bool { return r == 'x' }) {
			n, err := strconv.Atoi(s)
			ts.Check(err)
			shape = append(shape, n)
		}
		values := make([]byte, shape.Elements()*d.Size())
		for i := range values {
			values[i] = byte(i % 61)
		}
		params = append(params, orbaxtest.Param{Path: strings.Split(name, "/"), DType: d, Shape: shape, Data: orbaxtest.FromBytes(values, d, shape)})
	}
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	ts.Check(orbaxtest.Write(path, params, orbaxtest.Options{}))
}

func scriptStep(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.WriteFile(filepath.Join(ts.MkAbs(args[0]), "_CHECKPOINT_METADATA"), orbaxtest.StepMetadata(args[1:], nil), 0o644))
}

func scriptFlip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	if at < 0 {
		at += len(b)
	}
	b[at] ^= 4
	ts.Check(os.WriteFile(path, b, 0o644))
}

func scriptObject(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	var m map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		ts.Fatalf("%v: %s", err, text)
	}
	if strings.Count(text, "\n") != 1 {
		ts.Fatalf("more than one line: %s", text)
	}
	for _, k := range args[1:] {
		if _, ok := m[k]; !ok {
			ts.Fatalf("no %q in %s", k, fmt.Sprint(text))
		}
	}
}
