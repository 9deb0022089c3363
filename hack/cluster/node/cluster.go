// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/hack/cluster/artifact"
)

// readyTimeout covers a machine whose processors are busy with something else.
const readyTimeout = 3 * time.Minute

// repairTimeout is how long a node that runs may take to become ready.
const repairTimeout = time.Minute

// Cluster is what the commands work on.
type Cluster struct {
	Layout
	Store *artifact.Store
	Log   io.Writer
}

// Up starts the cluster, or says that it runs. It continues with what a node
// that has crashed left behind, as a machine does after a power failure.
func (c *Cluster) Up(ctx context.Context) error {
	if err := Preflight(); err != nil {
		return err
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	start := time.Now()
	var record Record
	if err := readJSON(c.record(), &record); err != nil {
		return err
	}
	if record.Subnet != "" && record.Subnet != c.Subnet.String() {
		return fmt.Errorf("there is a node with subnet %s, run \"down\" before you use %s", record.Subnet, c.Subnet)
	}
	if record.Alive() && c.healthy(ctx, record) == nil {
		c.announce("already up")
		return nil
	}
	if err := c.start(ctx, record); err != nil {
		return fmt.Errorf("%w\n(logs are in %s; \"down\" removes what was started)", err, c.Logs())
	}
	c.announce(fmt.Sprintf("up after %s, Kubernetes %s", time.Since(start).Round(100*time.Millisecond), artifact.KubernetesVersion))
	return nil
}

// start gets everything ready and boots the node, unless it can be repaired.
func (c *Cluster) start(ctx context.Context, record Record) error {
	if err := installPackages(ctx, c.Log); err != nil {
		return err
	}
	bin, err := c.Store.Ensure(ctx, artifact.Node())
	if err != nil {
		return err
	}
	if record.Alive() {
		if repaired, err := c.repair(ctx, record, bin); repaired || err != nil {
			return err
		}
	}
	return c.boot(ctx, bin)
}

func (c *Cluster) announce(what string) {
	c.say("%s: node at %s\nexport KUBECONFIG=%s\n", what, c.NodeIP(), c.Kubeconfig())
}

func (c *Cluster) healthy(ctx context.Context, record Record) error {
	api, err := c.newAPI()
	if err != nil {
		return err
	}
	return api.healthy(ctx, record.Boot)
}

// repair completes a node that runs, for the case that an "up" before was
// interrupted or that a component is being started again. Starting over is the
// last resort, since it ends every pod.
func (c *Cluster) repair(ctx context.Context, record Record, bin map[string]string) (repaired bool, err error) {
	c.say("the node runs but not all of it is ready, completing it\n")
	limited, cancel := context.WithTimeout(ctx, repairTimeout)
	defer cancel()
	err = c.complete(limited, record, bin)
	if err == nil || ctx.Err() != nil {
		return err == nil, err // an interrupt must not end the pods
	}
	c.say("that did not help, starting over: %v\n", err)
	return false, nil
}

// boot takes the node from nothing, or from the remains of another one, to
// ready.
func (c *Cluster) boot(ctx context.Context, bin map[string]string) error {
	if err := c.stop(ctx); err != nil {
		return err
	}
	if err := c.configure(); err != nil {
		return err
	}
	if err := c.rotateLogs(); err != nil {
		return err
	}
	if err := writeJSON(c.plan(), c.newPlan(bin)); err != nil {
		return err
	}
	record, err := c.launch(ctx)
	if err != nil {
		return errors.Join(err, c.stop(context.WithoutCancel(ctx)))
	}
	return c.complete(ctx, record, bin)
}

// complete fills a node whose processes have been started. Each step may be
// done again.
func (c *Cluster) complete(ctx context.Context, record Record, bin map[string]string) error {
	imported := make(chan error, 1)
	go func() { imported <- c.importOwn(ctx, record, bin) }()
	c.say("waiting for the API server\n")
	if err := wait(ctx, readyTimeout, func(context.Context) error {
		if !record.Alive() {
			return errors.New("the supervisor has ended, see " + c.log("supervisor"))
		}
		if !answers(c.Server() + "/readyz") {
			return errors.New("the API server does not answer, see " + c.log("kube-apiserver"))
		}
		return nil
	}); err != nil {
		return err
	}
	c.say("applying CoreDNS, cert-manager %s and its CRDs\n", artifact.CertManagerVersion)
	if err := c.applyOwn(ctx, bin["kubectl"]); err != nil {
		return err
	}
	if err := <-imported; err != nil {
		return err
	}
	c.say("waiting for the node, CoreDNS and cert-manager\n")
	return wait(ctx, readyTimeout, func(ctx context.Context) error { return c.healthy(ctx, record) })
}

// rotateLogs keeps the logs of the previous node, and of that only.
func (c *Cluster) rotateLogs() error {
	files, err := filepath.Glob(filepath.Join(c.Logs(), "*.log"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := os.Rename(file, file+".1"); err != nil {
			return err
		}
	}
	return nil
}

// Down stops the cluster and removes everything of it but the logs. It does
// so no matter how much of it is left.
func (c *Cluster) Down(ctx context.Context) error {
	if os.Geteuid() != 0 {
		return errors.New("only root can stop the node, run \"down\" as root")
	}
	if _, err := os.Stat(c.State); err != nil {
		c.say("nothing to stop\n")
		return nil
	}
	unlock, err := c.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := c.stop(ctx); err != nil {
		return err
	}
	if err := c.removeState(); err != nil {
		return err
	}
	c.say("down; logs stay in %s\n", c.Logs())
	return nil
}

// removeState empties the state folder. It refuses to delete below a mount
// point, since that would delete what is mounted there.
func (c *Cluster) removeState() error {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(mounts)) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], c.State+"/") {
			return fmt.Errorf("%s is mounted, unmount it and run \"down\" again", fields[1])
		}
	}
	entries, err := os.ReadDir(c.State)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if name := entry.Name(); name != "logs" && name != "lock" {
			if err := os.RemoveAll(filepath.Join(c.State, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Cluster) say(format string, args ...any) { fmt.Fprintf(c.Log, format, args...) }
