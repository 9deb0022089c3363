// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// stages reads the Dockerfile as BuildKit does.
func stages(t *testing.T) map[string]instructions.Stage {
	t.Helper()
	content, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse(bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	list, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]instructions.Stage{}
	for _, stage := range list {
		found[stage.Name] = stage
	}
	return found
}

// command returns the one instruction of a kind that a stage has.
func command[T instructions.Command](t *testing.T, stage instructions.Stage) T {
	t.Helper()
	var found []T
	for _, each := range stage.Commands {
		if typed, ok := each.(T); ok {
			found = append(found, typed)
		}
	}
	if len(found) != 1 {
		t.Fatalf("stage %s has %d of %T, not one", stage.Name, len(found), *new(T))
	}
	return found[0]
}

// arguments are what a stage takes over from the beginning of the file.
func arguments(stage instructions.Stage) []string {
	var names []string
	for _, each := range stage.Commands {
		if argument, ok := each.(*instructions.ArgCommand); ok {
			for _, one := range argument.Args {
				names = append(names, one.Key)
			}
		}
	}
	return names
}

func TestTheDockerfileMakesWhatWePack(t *testing.T) {
	t.Parallel()
	all := stages(t)
	for _, name := range []string{"manager", "gateway"} {
		stage, there := all[name]
		if !there || stage.BaseName != "scratch" {
			t.Fatalf("no stage %s on an empty base", name)
		}
		if user := command[*instructions.UserCommand](t, stage).User; user != User {
			t.Errorf("%s runs as %s, packed images as %s", name, user, User)
		}
		if entry := command[*instructions.EntrypointCommand](t, stage); entry.PrependShell || !slices.Equal(entry.CmdLine, []string{"/" + name}) {
			t.Errorf("%s starts %v, packed images /%s", name, entry.CmdLine, name)
		}
		files := command[*instructions.CopyCommand](t, stage)
		if files.From != "build" || !slices.Equal(files.SourcePaths, []string{"/out/" + name}) || files.DestPath != "/"+name {
			t.Errorf("%s has %v from %s as %s", name, files.SourcePaths, files.From, files.DestPath)
		}
		labels := map[string]string{}
		for _, label := range command[*instructions.LabelCommand](t, stage).Labels {
			labels[label.Key] = strings.Trim(label.Value, `"`)
		}
		packed := Image{Repository: name, Version: "$VERSION", Revision: "$REVISION"}.annotations()
		if !maps.Equal(labels, packed) {
			t.Errorf("%s has the labels %v, packed images %v", name, labels, packed)
		}
		if given := arguments(stage); !slices.Equal(given, []string{"VERSION", "REVISION"}) {
			t.Errorf("%s knows %v, without which a label is empty", name, given)
		}
	}
}

// Who builds with Docker gets the program that we test, not one with other flags.
func TestTheDockerfileBuildsAsTheMakefileDoes(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	build := stages(t)["build"]
	var line string
	for _, each := range build.Commands {
		if run, ok := each.(*instructions.RunCommand); ok && strings.Contains(strings.Join(run.CmdLine, " "), "go build") {
			line = strings.Join(run.CmdLine, " ")
		}
	}
	flags := regexp.MustCompile(`(?m)^\t+CGO_ENABLED=0 GOOS=linux GOARCH=\S+ go build (.+?) -ldflags='\$\(LDFLAGS\)'`).FindSubmatch(makefile)
	linker := regexp.MustCompile(`(?m)^LDFLAGS += (.+) -X main\.version=\$\(VERSION\)$`).FindSubmatch(makefile)
	if flags == nil || linker == nil {
		t.Fatal("the Makefile builds images in a way that this test cannot read")
	}
	for _, want := range []string{"CGO_ENABLED=0", string(flags[1]), `-ldflags="` + string(linker[1]) + ` -X main.version=$VERSION"`} {
		if !strings.Contains(strings.Join(strings.Fields(line), " "), want) {
			t.Errorf("the Dockerfile builds by %q, without %q", line, want)
		}
	}
	gomod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	release := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(gomod)
	if release == nil || build.BaseName != "golang:"+string(release[1]) {
		t.Errorf("the Dockerfile builds with %s, go.mod says %s", build.BaseName, release)
	}
}
