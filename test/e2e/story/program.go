// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// program is wsgw, which is started as a user starts it.
type program struct {
	path string
	// flags say where the cluster and which namespace is meant.
	flags []string
}

func newProgram(path, kubeconfig, namespace string) program {
	return program{path: path, flags: []string{"--kubeconfig", kubeconfig, "-n", namespace}}
}

// run starts a command that works on the cluster, see start.
func (p program) run(ctx context.Context, status int, args ...string) (string, error) {
	return p.start(ctx, status, append(args, p.flags...)...)
}

// start starts the program and answers what it prints. Any other end than the
// exit status is an error.
func (p program) start(ctx context.Context, status int, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, args...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		return "", fmt.Errorf("run %s: %w", p.path, err)
	}
	if got := cmd.ProcessState.ExitCode(); got != status {
		return "", fmt.Errorf("wsgw %s: exit status %d, want %d:\n%s%s", strings.Join(args, " "), got, status, out.String(), log.String())
	}
	return out.String(), nil
}
