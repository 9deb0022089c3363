// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// heartbeat is the time between two progress lines of one build.
const heartbeat = 15 * time.Second

// build compiles one binary and moves it to path when it is complete, so that
// a build that was interrupted leaves nothing that looks finished.
func (s *Store) build(ctx context.Context, b Binary, path, label string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	start := time.Now()
	total := s.countPackages(ctx, b)
	fmt.Fprintf(s.log, "%s: building (%d packages, those already in Go's build cache are skipped)\n", label, total)

	partial := path + ".partial"
	cmd := exec.CommandContext(ctx, "go", "build", "-v", "-ldflags", b.LDFlags, "-o", partial, b.Package)
	cmd.Dir = filepath.Join(s.source, b.Module)
	cmd.Env = environment()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("the go command is needed to build %s: %w", b.Name, err)
	}
	messages := s.follow(stderr, label, start)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("build %s %s in hack/cluster/%s: %w\n%s", b.Name, b.Version, b.Module, err, messages)
	}
	if err := os.Rename(partial, path); err != nil {
		return err
	}
	fmt.Fprintf(s.log, "%s: done after %s\n", label, since(start))
	return nil
}

// follow reads the output of "go build -v", counts the packages and returns
// everything else, which is what the compiler complained about.
func (s *Store) follow(output io.Reader, label string, start time.Time) string {
	var compiled atomic.Int64
	done := make(chan struct{})
	defer close(done)
	go func() {
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				fmt.Fprintf(s.log, "%s: %d packages compiled, %s\n", label, compiled.Load(), since(start))
			case <-done:
				return
			}
		}
	}()
	var messages bytes.Buffer
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		line := lines.Text()
		if strings.ContainsAny(line, " :#") {
			fmt.Fprintln(&messages, line)
			continue
		}
		compiled.Add(1)
	}
	return messages.String()
}

// countPackages tells how large the build is. It is only for the reader of the
// progress lines, so a failure is left to the build itself to report.
func (s *Store) countPackages(ctx context.Context, b Binary) int {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", b.Package)
	cmd.Dir = filepath.Join(s.source, b.Module)
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		return 0
	}
	return bytes.Count(out, []byte("\n"))
}

// environment makes static binaries: they run in images with an empty base and
// do not depend on the C library of the machine that filled the cache.
func environment() []string {
	return append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
}

// ModuleDir returns where the go command keeps the unpacked source of a
// dependency of one of our modules, for files that are not Go: the CRDs.
func (s *Store) ModuleDir(ctx context.Context, module, dependency string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", dependency)
	cmd.Dir = filepath.Join(s.source, module)
	cmd.Env = environment()
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("find the source of %s, try \"go mod download\" in hack/cluster/%s: %w", dependency, module, err)
	}
	var found struct{ Dir string }
	if err := json.Unmarshal(out, &found); err != nil {
		return "", err
	}
	return found.Dir, nil
}
