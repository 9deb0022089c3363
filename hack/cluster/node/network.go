// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"
)

// link is the host's end of the cable.
func (l Layout) link() string { return l.Name() + "0" }

// plugIn connects host and node by a pair of interfaces. The node has routes
// to the host's end and to nothing behind it; the host has routes to pods and
// services, so whatever runs on the host may dial them. All of it vanishes
// with the interface, and that with the namespace.
func (l Layout) plugIn(ctx context.Context, pid int) error {
	if err := l.addressesFree(); err != nil {
		return err
	}
	target := strconv.Itoa(pid)
	if err := batch(ctx, []string{"ip", "-batch", "-"},
		"link add "+l.link()+" type veth peer name eth0 netns "+target,
		"address add "+l.HostIP().String()+"/24 dev "+l.link(),
		"link set "+l.link()+" up",
	); err != nil {
		return fmt.Errorf("make a network interface pair: %w", err)
	}
	// A packet to a service address is rewritten by kube-proxy, but only
	// after the kernel has found a route for it.
	if err := batch(ctx, []string{"nsenter", "--target", target, "--net", "ip", "-batch", "-"},
		"link set lo up",
		"address add "+l.NodeIP().String()+"/24 dev eth0",
		"link set eth0 up",
		"route add "+l.Services().String()+" dev eth0 src "+l.NodeIP().String(),
		"route add "+l.Balancers().String()+" dev eth0 src "+l.NodeIP().String(),
	); err != nil {
		return fmt.Errorf("set up the node's network: %w", err)
	}
	// Forwarding is per network namespace: the host's setting stays.
	if err := batch(ctx, []string{"nsenter", "--target", target, "--net", "tee", "/proc/sys/net/ipv4/ip_forward"}, "1"); err != nil {
		return fmt.Errorf("let the node forward: %w", err)
	}
	if err := batch(ctx, []string{"ip", "-batch", "-"},
		"route add "+l.Pods().String()+" via "+l.NodeIP().String(),
		"route add "+l.Services().String()+" via "+l.NodeIP().String(),
		"route add "+l.Balancers().String()+" via "+l.NodeIP().String(),
	); err != nil {
		return fmt.Errorf("route from the host to pods and services: %w", err)
	}
	return nil
}

// unplug removes the pair at once. The kernel would do so too when the
// namespace ends, but some time later.
func (l Layout) unplug(ctx context.Context) error {
	exists := func() bool {
		_, err := net.InterfaceByName(l.link())
		return err == nil
	}
	if !exists() {
		return nil
	}
	err := batch(ctx, []string{"ip", "link", "delete", l.link()})
	if err != nil && exists() {
		return err
	}
	return nil // or the kernel was faster
}

// addressesFree refuses a subnet that the host already talks to: the new
// routes would cut that off.
func (l Layout) addressesFree() error {
	interfaces, err := net.Interfaces()
	if err != nil {
		return err
	}
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil {
			return err
		}
		for _, addr := range addrs {
			prefix, err := netip.ParsePrefix(addr.String())
			if err == nil && prefix.Overlaps(l.Subnet) {
				return fmt.Errorf("the host has %s on %s, set WSGATEWAY_SUBNET to another private network than %s", prefix, i.Name, l.Subnet)
			}
		}
	}
	return nil
}

// batch runs a command with the lines as its input.
func batch(ctx context.Context, command []string, lines ...string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(command, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
