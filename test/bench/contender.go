// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package bench compares the gateway with HAProxy and nginx: the same clients,
// the same backend, one run, rounds in alternating order, a fresh process in each.
// The gateway has tokens, limits and its audit log on; the others only terminate
// TLS and relay. All of them speak TLS 1.3 with the same group, cipher and
// certificate, which is checked, and have one processor each.
package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// contender is one of the programs that are compared.
type contender struct {
	name    string
	version string
	// settings that matter, in words for the report.
	settings string
	// command starts it; files of its own may be in a folder that is its own.
	command func(s *scene, folder string, address string) (*exec.Cmd, error)
	// reload makes it serve the pair that the scene has now, as its manual says.
	reload func(s *scene, folder string, pid int) error
}

// write makes a file of a contender.
func write(folder, name, content string) (string, error) {
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return "", fmt.Errorf("write %s: %w", name, err)
	}
	return path, nil
}

// versionOf is the first line that a program says of itself.
func versionOf(ctx context.Context, program string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, program, args...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", program, strings.Join(args, " "), err, out)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line), nil
}
