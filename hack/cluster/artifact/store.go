// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// Store builds binaries on demand and remembers them.
type Store struct {
	source string    // the folder hack/cluster
	cache  string    // see CacheDir
	log    io.Writer // progress lines
}

// NewStore returns a store that builds the modules below source.
func NewStore(source, cache string, log io.Writer) *Store {
	return &Store{source: source, cache: cache, log: log}
}

// Ensure builds what is missing and returns the path of each binary by name.
func (s *Store) Ensure(ctx context.Context, binaries []Binary) (map[string]string, error) {
	unlock, err := s.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	paths := make(map[string]string, len(binaries))
	for i, b := range binaries {
		path, err := s.path(b)
		if err != nil {
			return nil, err
		}
		paths[b.Name] = path
		if _, err := os.Stat(path); err == nil {
			continue
		}
		label := fmt.Sprintf("[%d/%d] %s %s", i+1, len(binaries), b.Name, b.Version)
		if err := s.build(ctx, b, path, label); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// Assets returns a folder that holds exactly the given binaries under their
// own names, which is the shape that KUBEBUILDER_ASSETS asks for.
func (s *Store) Assets(ctx context.Context, binaries []Binary) (string, error) {
	paths, err := s.Ensure(ctx, binaries)
	if err != nil {
		return "", err
	}
	key := sha256.New()
	for _, b := range binaries {
		fmt.Fprintln(key, paths[b.Name])
	}
	dir := filepath.Join(s.cache, "assets", short(key.Sum(nil)))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for name, target := range paths {
		if err := link(target, filepath.Join(dir, name)); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// link replaces whatever is at name by a link to target. The rename keeps the
// name valid for a test that starts its API server at the same moment.
func link(target, name string) error {
	if have, err := os.Readlink(name); err == nil && have == target {
		return nil
	}
	next := fmt.Sprintf("%s.%d", name, os.Getpid())
	if err := os.Symlink(target, next); err != nil {
		return err
	}
	return os.Rename(next, name)
}

// path is where the binary is cached. The key covers everything of ours that
// can change the result: the module's go.mod, go.sum and sources, the flags,
// and the toolchain.
func (s *Store) path(b Binary) (string, error) {
	key := sha256.New()
	fmt.Fprintln(key, runtime.Version(), runtime.GOARCH, b.Package, b.Version, b.LDFlags)
	module := filepath.Join(s.source, b.Module)
	patterns := []string{"go.mod", "go.sum", "*.go"}
	if b.Package != "." && b.Module == "." {
		// The runner's own module: only the package itself matters, it
		// has no dependencies.
		patterns = []string{filepath.Join(b.Package, "*.go")}
	}
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(module, pattern))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			fmt.Fprintln(key, filepath.Base(file), len(data))
			key.Write(data)
		}
	}
	return filepath.Join(s.cache, "bin", b.Name+"-"+b.Version+"-"+short(key.Sum(nil)), b.Name), nil
}

func short(sum []byte) string { return hex.EncodeToString(sum[:6]) }

// since formats an elapsed time for a progress line.
func since(start time.Time) string { return time.Since(start).Round(time.Second).String() }
