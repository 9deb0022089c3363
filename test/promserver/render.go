// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package promserver

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Release is the name under which hack/demo installs the chart, and Namespace where.
const (
	Release   = "wsgateway"
	Namespace = "wsgateway-system"
)

// Render prints the chart of a checkout with all of its monitoring, as it would be
// installed. More arguments of helm may follow.
func Render(ctx context.Context, root string, args ...string) ([]byte, error) {
	path, err := output(ctx, filepath.Join(root, "hack", "tool.sh"), "helm")
	if err != nil {
		return nil, err
	}
	all := append([]string{
		"template", Release, filepath.Join(root, "charts", "websocket-gateway-operator"), "--namespace", Namespace,
		"--set", "crds.install=false,monitoring.monitors.enabled=true,monitoring.alerts.enabled=true,monitoring.dashboards.enabled=true",
	}, args...)
	return output(ctx, strings.TrimSpace(string(path)), all...)
}

func output(ctx context.Context, program string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, program, args...)
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(program), err, said.String())
	}
	return out, nil
}
