// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package limits

import "syscall"

// openFiles is the soft limit of open files, which the Go runtime has raised to
// the hard one at start.
func openFiles() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return unknownFiles
	}
	return limit.Cur
}
