// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const cgroupMount = "/sys/fs/cgroup"

// hierarchies returns the mount points under which our cgroup exists: one per
// controller with cgroup v1, a single one with v2.
func hierarchies() ([]string, error) {
	if _, err := os.Stat(filepath.Join(cgroupMount, "cgroup.procs")); err == nil {
		return []string{cgroupMount}, nil
	}
	entries, err := os.ReadDir(cgroupMount)
	if err != nil {
		return nil, fmt.Errorf("the kubelet needs cgroups at %s: %w", cgroupMount, err)
	}
	var found []string
	for _, entry := range entries {
		dir := filepath.Join(cgroupMount, entry.Name())
		if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err == nil && entry.IsDir() {
			found = append(found, dir)
		}
	}
	return found, nil
}

// makeCgroups creates the folder that holds the supervisor and all pods, so
// that "down" can find and remove everything without knowing any name.
func makeCgroups(name string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		dir := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Join(dir, "node"), 0o755); err != nil {
			return fmt.Errorf("make a cgroup: %w", err)
		}
		// A new cpuset of v1 is empty and takes no process until it is
		// told its processors and its memory.
		for _, parts := range [][2]string{{root, dir}, {dir, filepath.Join(dir, "node")}} {
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				if value, err := os.ReadFile(filepath.Join(parts[0], file)); err == nil && root != cgroupMount {
					_ = os.WriteFile(filepath.Join(parts[1], file), value, 0o644)
				}
			}
		}
	}
	return nil
}

// joinCgroups moves the calling process, and so all its children to come.
func joinCgroups(name string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		procs := filepath.Join(root, name, "node", "cgroup.procs")
		if err := os.WriteFile(procs, []byte("0"), 0o644); err != nil {
			return fmt.Errorf("join the cgroup: %w", err)
		}
	}
	return nil
}

// killCgroups ends whatever is left in our cgroups, for the case that the
// record of the supervisor was lost.
func killCgroups(name string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	for _, root := range roots {
		for _, dir := range tree(filepath.Join(root, name)) {
			data, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			for field := range bytes.FieldsSeq(data) {
				if pid, err := strconv.Atoi(string(field)); err == nil && pid != os.Getpid() {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
		}
	}
	return nil
}

// removeCgroups removes the folders from the leaves up. The kernel refuses as
// long as a process that was killed is not quite gone, hence the patience.
func removeCgroups(name string) error {
	roots, err := hierarchies()
	if err != nil {
		return err
	}
	var last error
	gone := poll(5*time.Second, func() bool {
		last = nil
		for _, root := range roots {
			for _, dir := range tree(filepath.Join(root, name)) {
				if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
					last = err
				}
			}
		}
		return last == nil
	})
	if !gone {
		return fmt.Errorf("remove the cgroups, a process still uses them: %w", last)
	}
	return nil
}

// tree lists the folders below and including dir, deepest first.
func tree(dir string) []string {
	var dirs []string
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	slices.SortFunc(dirs, func(a, b string) int {
		return strings.Count(b, "/") - strings.Count(a, "/")
	})
	return dirs
}
