// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package node runs one Kubernetes node as a tree of processes in namespaces of
// their own. Everything hangs off one process, the supervisor, which is the
// first process of its PID namespace: when it dies, however it dies, the
// kernel ends every process of the node, and with the last of them go the
// mounts, the network interfaces, the routes and the packet filter rules.
package node

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
)

const (
	defaultState  = "/var/lib/websocket-gateway-operator"
	defaultSubnet = "10.213.0.0/22"
	nodeName      = "node"
	apiPort       = "6443"
)

// Layout says where the node keeps things and which addresses it uses. It is
// derived from two settings, so that every command finds the same node.
type Layout struct {
	State  string       // folder of this cluster
	Subnet netip.Prefix // divided into link, pods, services, load balancers
}

// LayoutFromEnv reads WSGATEWAY_STATE and WSGATEWAY_SUBNET.
func LayoutFromEnv() (Layout, error) {
	state, subnet := os.Getenv("WSGATEWAY_STATE"), os.Getenv("WSGATEWAY_SUBNET")
	if state == "" {
		state = defaultState
	}
	if subnet == "" {
		subnet = defaultSubnet
	}
	state, err := filepath.Abs(state)
	if err != nil {
		return Layout{}, err
	}
	prefix, err := netip.ParsePrefix(subnet)
	if err != nil || prefix.Bits() != 22 || !prefix.Addr().Is4() || !prefix.Addr().IsPrivate() || prefix.Masked() != prefix {
		return Layout{}, fmt.Errorf("WSGATEWAY_SUBNET=%s: write a private IPv4 network of 22 bits, such as %s", subnet, defaultSubnet)
	}
	return Layout{State: state, Subnet: prefix}, nil
}

// Name names what the kernel shows: the host's interface and the cgroup. A
// state folder other than the default gets a name of its own, so two clusters
// with different subnets can run side by side.
func (l Layout) Name() string {
	if l.State == defaultState {
		return "wsgw"
	}
	sum := sha256.Sum256([]byte(l.State))
	return "wsgw-" + hex.EncodeToString(sum[:3])
}

// part returns the n-th /24 of the subnet.
func (l Layout) part(n byte) netip.Prefix {
	addr := l.Subnet.Addr().As4()
	addr[2] += n
	return netip.PrefixFrom(netip.AddrFrom4(addr), 24)
}

func host(network netip.Prefix, n byte) netip.Addr {
	addr := network.Addr().As4()
	addr[3] = n
	return netip.AddrFrom4(addr)
}

// Pods is the network of the pods.
func (l Layout) Pods() netip.Prefix { return l.part(1) }

// Services is the network of the cluster addresses.
func (l Layout) Services() netip.Prefix { return l.part(2) }

// Balancers is the network of the addresses for Services of type LoadBalancer.
func (l Layout) Balancers() netip.Prefix { return l.part(3) }

// HostIP is the host's end of the cable between host and node.
func (l Layout) HostIP() netip.Addr { return host(l.part(0), 1) }

// NodeIP is the node's end, and the address of the node in Kubernetes.
func (l Layout) NodeIP() netip.Addr { return host(l.part(0), 2) }

// DNS is the address of the cluster's name server.
func (l Layout) DNS() netip.Addr { return host(l.Services(), 10) }

// APIService is where pods find the API server: Kubernetes takes the first
// address of the service network for it.
func (l Layout) APIService() netip.Addr { return host(l.Services(), 1) }

// Server is the address of the API server, from host, node and pods alike.
func (l Layout) Server() string {
	return "https://" + net.JoinHostPort(l.NodeIP().String(), apiPort)
}

// Kubeconfig is the administrator's, for everyone who is root on the host.
func (l Layout) Kubeconfig() string { return filepath.Join(l.State, "kubeconfig") }

// Logs is the folder of all logs. It survives "down".
func (l Layout) Logs() string { return filepath.Join(l.State, "logs") }

// AuditLog has a line of JSON for each write to the API server.
func (l Layout) AuditLog() string { return filepath.Join(l.Logs(), "audit.log") }

// Files of our own.
func (l Layout) pki() string        { return filepath.Join(l.State, "pki") }
func (l Layout) etc() string        { return filepath.Join(l.State, "etc") }
func (l Layout) etcdData() string   { return filepath.Join(l.State, "etcd") }
func (l Layout) root() string       { return filepath.Join(l.State, "root") }
func (l Layout) record() string     { return filepath.Join(l.State, "node.json") }
func (l Layout) plan() string       { return filepath.Join(l.State, "plan.json") }
func (l Layout) components() string { return filepath.Join(l.State, "components.json") }
func (l Layout) supervisor() string { return filepath.Join(l.State, "bin", "supervisor") }
func (l Layout) log(name string) string {
	return filepath.Join(l.Logs(), name+".log")
}
