// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func layout(t *testing.T) Layout {
	t.Helper()
	t.Setenv("WSGATEWAY_STATE", t.TempDir())
	t.Setenv("WSGATEWAY_SUBNET", "192.168.4.0/22")
	l, err := LayoutFromEnv()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSubnetIsDivided(t *testing.T) {
	l := layout(t)
	for what, pair := range map[string][2]string{
		"host":     {l.HostIP().String(), "192.168.4.1"},
		"node":     {l.NodeIP().String(), "192.168.4.2"},
		"pods":     {l.Pods().String(), "192.168.5.0/24"},
		"services": {l.Services().String(), "192.168.6.0/24"},
		"dns":      {l.DNS().String(), "192.168.6.10"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %s, want %s", what, pair[0], pair[1])
		}
	}
}

func TestSubnetMustBePrivate(t *testing.T) {
	for _, subnet := range []string{"8.8.8.0/22", "10.0.0.0/24", "10.0.1.0/22", "fd00::/22", "x"} {
		t.Setenv("WSGATEWAY_SUBNET", subnet)
		if _, err := LayoutFromEnv(); err == nil {
			t.Errorf("%s was accepted", subnet)
		}
	}
}

// Interface names are limited to 15 characters by the kernel.
func TestNamesDifferByState(t *testing.T) {
	a, b := Layout{State: "/a"}, Layout{State: "/b"}
	if a.Name() == b.Name() || len(a.link()) > 15 {
		t.Errorf("names %q and %q, link %q", a.Name(), b.Name(), a.link())
	}
}

func TestConfigureFillsEveryTemplate(t *testing.T) {
	l := layout(t)
	if err := l.configure(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(l.Kubeconfig())
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(l.State, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), "<no value>") || strings.Contains(string(data), "{{") {
			t.Errorf("%s has a gap", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.configure(); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.ReadFile(l.Kubeconfig()); !bytes.Equal(before, after) {
		t.Error("a restart makes new certificates, copies of the kubeconfig would fail")
	}
}

func TestEveryComponentLogsAndStarts(t *testing.T) {
	l := layout(t)
	bin := map[string]string{}
	for _, name := range []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"} {
		bin[name] = "/bin/" + name
	}
	for _, c := range l.newPlan(bin).Components {
		if c.Command[0] == "" || !strings.HasPrefix(c.Log, l.Logs()) {
			t.Errorf("%s: command %q, log %q", c.Name, c.Command[0], c.Log)
		}
	}
}

func TestPodOlderThanTheNodeIsNotStarted(t *testing.T) {
	boot := time.Date(2026, 1, 1, 0, 0, 10, 500, time.UTC)
	var p pod
	p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, struct {
		State struct {
			Running *struct{ StartedAt time.Time }
		}
	}{})
	running := &struct{ StartedAt time.Time }{}
	p.Status.ContainerStatuses[0].State.Running = running
	for started, want := range map[time.Time]bool{
		boot.Add(-time.Minute):     false,
		boot.Truncate(time.Second): true,
		boot.Add(time.Second):      true,
	} {
		running.StartedAt = started
		if got := p.startedSince(boot); got != want {
			t.Errorf("started %s: %v", started, got)
		}
	}
}

func TestBalancerAddressesAreNotGivenTwice(t *testing.T) {
	l := layout(t)
	taken := map[string]bool{}
	for want := range 254 {
		address, ok := firstFree(l.Balancers(), taken)
		if !ok || taken[address.String()] {
			t.Fatalf("address %d: %s, %v", want, address, ok)
		}
		taken[address.String()] = true
	}
	if address, ok := firstFree(l.Balancers(), taken); ok {
		t.Errorf("a 255th address: %s", address)
	}
}
