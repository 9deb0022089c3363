// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Record identifies the supervisor. A PID alone would be reused sooner or
// later and "down" would stop a stranger, so the time at which the process
// started is part of the identity.
type Record struct {
	PID    int    `json:"pid"`
	Start  uint64 `json:"start"` // clock ticks since boot, field 22 of /proc/PID/stat
	Subnet string `json:"subnet"`
	// Boot is when the node was started, by the wall clock.
	Boot time.Time `json:"boot"`
}

// recordOf describes a process that runs now.
func recordOf(pid int, subnet string) (Record, error) {
	start, _, err := procStat(pid)
	if err != nil {
		return Record{}, err
	}
	return Record{PID: pid, Start: start, Subnet: subnet, Boot: time.Now()}, nil
}

// Alive tells whether this very process still runs.
func (r Record) Alive() bool {
	if r.PID <= 0 {
		return false
	}
	start, state, err := procStat(r.PID)
	// A zombie has ended already and only waits for its parent to ask.
	return err == nil && start == r.Start && state != 'Z' && state != 'X'
}

// Kill ends the process and waits until it is gone. Only SIGKILL is sent: the
// node is about to be deleted, there is nothing to save.
func (r Record) Kill(timeout time.Duration) error {
	if !r.Alive() {
		return nil
	}
	if err := syscall.Kill(r.PID, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stop process %d: %w", r.PID, err)
	}
	if !poll(timeout, func() bool { return !r.Alive() }) {
		return fmt.Errorf("process %d does not end after SIGKILL, look at /proc/%d/stack for what it waits for", r.PID, r.PID)
	}
	return nil
}

// procStat reads start time and state of a process. The name, field 2, may
// hold spaces and parentheses, so counting begins after the last one.
func procStat(pid int) (start uint64, state byte, err error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, err
	}
	return parseStat(string(data))
}

func parseStat(line string) (start uint64, state byte, err error) {
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		return 0, 0, fmt.Errorf("unexpected content in /proc/PID/stat: %q", line)
	}
	fields := strings.Fields(line[end+1:]) // fields[0] is field 3, the state
	if len(fields) < 20 {
		return 0, 0, fmt.Errorf("unexpected content in /proc/PID/stat: %q", line)
	}
	start, err = strconv.ParseUint(fields[19], 10, 64)
	return start, fields[0][0], err
}

// readJSON leaves v as it is when there is no such file.
func readJSON(path string, v any) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%s is damaged, run \"down\" to start afresh: %w", path, err)
	}
	return nil
}

// writeJSON replaces the file in one step, so a reader never sees half of it.
func writeJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".next", data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".next", path)
}

// poll asks until the answer is yes or the time is over.
func poll(timeout time.Duration, done func() bool) bool {
	deadline := time.Now().Add(timeout)
	for !done() {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(50 * time.Millisecond)
	}
	return true
}
