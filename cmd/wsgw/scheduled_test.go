// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// scheduled is what Linux counts of the threads of a process: the time that they
// ran, and the time that they were ready to run while others had the processor.
// Elsewhere both are 0.
func scheduled(pid int) (ran, starved time.Duration) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	for _, file := range files {
		// A thread that has ended has no file any more.
		text, _ := os.ReadFile(file)
		fields := strings.Fields(string(text))
		if len(fields) < 2 {
			continue
		}
		used, err := strconv.ParseInt(fields[0], 10, 64)
		waited, err2 := strconv.ParseInt(fields[1], 10, 64)
		if err == nil && err2 == nil {
			ran, starved = ran+time.Duration(used), starved+time.Duration(waited)
		}
	}
	return ran, starved
}
