// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// elsewhere ends each sentence about a machine that cannot run the node.
const elsewhere = "; install the chart into any other cluster instead, with \"helm install\""

// policy is the file that Debian's package scripts ask before they start a
// service.
const policy = "/usr/sbin/policy-rc.d"

// Preflight tells in one sentence why this machine cannot run a node.
func Preflight() error {
	if os.Geteuid() != 0 {
		return errors.New("a node needs root, for namespaces and cgroups" + elsewhere)
	}
	if len(missingPackages()) > 0 {
		if _, err := exec.LookPath("apt-get"); err != nil {
			return fmt.Errorf("a node needs %s, and there is no apt-get to install them with%s", strings.Join(missingPackages(), ", "), elsewhere)
		}
	}
	return nil
}

// missingPackages names the Debian packages whose programs are not there.
func missingPackages() []string {
	var missing []string
	for program, name := range map[string]string{
		"/usr/bin/containerd":              "containerd",
		"/usr/bin/containerd-shim-runc-v2": "containerd",
		"/usr/bin/ctr":                     "containerd",
		"/usr/sbin/runc":                   "runc",
		"/usr/lib/cni/ptp":                 "containernetworking-plugins",
		"/usr/lib/cni/host-local":          "containernetworking-plugins",
		"/usr/sbin/nft":                    "nftables",
		"/usr/bin/nsenter":                 "util-linux",
	} {
		if _, err := os.Stat(program); err != nil && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
	}
	if _, err := exec.LookPath("ip"); err != nil {
		missing = append(missing, "iproute2")
	}
	slices.Sort(missing)
	return missing
}

// installPackages installs what is missing. The packages stay after "down";
// they are programs that do nothing until someone runs them.
func installPackages(ctx context.Context, log io.Writer) error {
	missing := missingPackages()
	if len(missing) == 0 {
		return nil
	}
	fmt.Fprintln(log, "installing Debian packages:", strings.Join(missing, " "))
	restore, err := forbidServices()
	if err != nil {
		return err
	}
	defer restore()
	install := append([]string{"install", "--yes", "--quiet", "--no-install-recommends"}, missing...)
	if _, err := aptGet(ctx, install); err == nil {
		return nil
	}
	// Most likely the package lists are old or were never fetched.
	if out, err := aptGet(ctx, []string{"update", "--quiet"}); err != nil {
		return fmt.Errorf("apt-get update: %w\n%s", err, out)
	}
	if out, err := aptGet(ctx, install); err != nil {
		return fmt.Errorf("install %s by hand, then try again: %w\n%s", strings.Join(missing, " "), err, out)
	}
	return nil
}

func aptGet(ctx context.Context, args []string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	return cmd.CombinedOutput()
}

// forbidServices keeps package scripts from starting the host's own
// containerd. A policy of the administrator is left as it is.
func forbidServices() (restore func(), err error) {
	file, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, fs.ErrExist) {
		return func() {}, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if _, err := file.WriteString("#!/bin/sh\nexit 101\n"); err != nil {
		return nil, err
	}
	return func() { _ = os.Remove(policy) }, nil
}
