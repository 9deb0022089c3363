// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package leash starts programs for tests that end with the process that has started
// them, however that ends.
package leash

import (
	"fmt"
	"io"
	"os/exec"
)

// script runs a program until it ends or our end of the pipe is closed, which the
// kernel does with whatever a process leaves behind.
const script = `exec 3<&0
"$@" </dev/null 3<&- & child=$!
{ cat <&3; kill "$child"; } >/dev/null 2>&1 &
wait "$child"`

// Command prepares a program, which ends when the leash is closed. It is not bound to
// a context: a step of a story starts it for the steps after.
func Command(program string, args ...string) (*exec.Cmd, io.Closer, error) {
	command := exec.Command("/bin/sh", append([]string{"-c", script, "leash", program}, args...)...) //nolint:noctx // see above
	end, err := command.StdinPipe()
	if err != nil {
		return nil, nil, fmt.Errorf("start %s: %w", program, err)
	}
	return command, end, nil
}
