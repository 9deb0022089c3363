// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// sysctls are kernel settings that the kubelet insists on. They are not
// namespaced: writing them would change the host and outlive the node.
func sysctls() map[string]string {
	return map[string]string{
		"vm/overcommit_memory":      "1",
		"vm/panic_on_oom":           "0",
		"kernel/panic":              "10",
		"kernel/panic_on_oops":      "1",
		"kernel/keys/root_maxkeys":  "1000000",
		"kernel/keys/root_maxbytes": "25000000",
	}
}

// mountNode turns the mount namespace, so far a copy of the host's, into the
// node's. keep are folders that must stay visible under their own name.
func mountNode(l Layout, keep []string) error {
	// Without this, every mount below would show up on the host.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc of the new PID namespace: %w", err)
	}
	if err := pretendSysctls(l); err != nil {
		return err
	}
	return coverHost(l, keep)
}

// coverHost puts the node's own folders over those host folders that
// containerd, the kubelet and the CNI plugins write to, and brings the folders
// to keep back that have thereby vanished.
func coverHost(l Layout, keep []string) error {
	type move struct{ source, target string }
	moves := []move{{"", "/run"}}
	for _, target := range []string{"/var/lib", "/var/log"} {
		moves = append(moves, move{filepath.Join(l.root(), target), target})
	}
	for _, dir := range keep {
		moves = append(moves, move{dir, dir})
	}
	// Open every folder before the first one is covered: a path through
	// /proc/self/fd still leads there afterwards.
	opened := make([]string, len(moves))
	for i, m := range moves {
		if m.source == "" {
			continue
		}
		if err := os.MkdirAll(m.source, 0o755); err != nil {
			return err
		}
		file, err := os.Open(m.source)
		if err != nil {
			return err
		}
		defer file.Close()
		opened[i] = fmt.Sprintf("/proc/self/fd/%d", file.Fd())
	}
	for i, m := range moves {
		var err error
		if m.source == "" {
			err = syscall.Mount("tmpfs", m.target, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755,size=1g")
		} else if err = os.MkdirAll(m.target, 0o755); err == nil {
			err = syscall.Mount(opened[i], m.target, "", syscall.MS_BIND|syscall.MS_REC, "")
		}
		if err != nil {
			return fmt.Errorf("cover %s: %w", m.target, err)
		}
	}
	return nil
}

// pretendSysctls lays files with the wanted values over the kernel's, so the
// kubelet finds its wishes fulfilled and writes nothing.
func pretendSysctls(l Layout) error {
	dir := filepath.Join(l.etc(), "sysctl")
	for name, value := range sysctls() {
		target := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(target); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		source := filepath.Join(dir, strings.ReplaceAll(name, "/", "."))
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(source, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := syscall.Mount(source, target, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("cover %s: %w", target, err)
		}
	}
	return nil
}
