// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// clockTicks per second in /proc: USER_HZ is 100 on all architectures of Linux.
const clockTicks = 100

// family lists a process and its descendants.
func family(pid int) ([]int, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	children := map[int][]int{}
	for _, path := range stats {
		fields, err := stat(path)
		if err != nil {
			continue // It has ended meanwhile.
		}
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parent, _ := strconv.Atoi(fields[1])
		children[parent] = append(children[parent], child)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all, nil
}

// stat is what follows the name of a process in its stat file: the third field of
// proc(5) is the first here.
func stat(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	// A name may have spaces and parentheses.
	fields := strings.Fields(string(content[bytes.LastIndexByte(content, ')')+1:]))
	if len(fields) < 15 {
		return nil, fmt.Errorf("%s: %d fields", path, len(fields))
	}
	return fields, nil
}

// used is the processor time, of user and kernel, that a process and its
// descendants have used.
func used(pid int) (time.Duration, error) {
	all, err := family(pid)
	if err != nil {
		return 0, err
	}
	var ticks int64
	for _, member := range all {
		fields, err := stat(fmt.Sprintf("/proc/%d/stat", member))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		for _, field := range fields[11:13] {
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("processor time of %d: %w", member, err)
			}
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / clockTicks, nil
}

// resident is the memory, in bytes, that a process and its descendants hold; what
// they share counts once.
func resident(pid int) (int64, error) {
	all, err := family(pid)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, member := range all {
		n, err := proportional(member)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func proportional(pid int) (int64, error) {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		if value, ok := strings.CutPrefix(lines.Text(), "Pss:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("process %d: no Pss in smaps_rollup", pid)
}

// settled waits until memory has not moved by more than 1 % for three seconds, at
// most for patience, and returns it.
func settled(pid int, patience time.Duration) (int64, error) {
	last, err := resident(pid)
	still := 0
	for deadline := time.Now().Add(patience); err == nil && still < 3 && time.Now().Before(deadline); {
		time.Sleep(time.Second)
		var now int64
		now, err = resident(pid)
		if still++; max(now-last, last-now) > last/100 {
			last, still = now, 0
		}
	}
	return last, err
}
