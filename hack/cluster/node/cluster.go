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
	if up, err := c.alreadyUp(ctx); up || err != nil {
		return err
	}
	if err := installPackages(ctx, c.Log); err != nil {
		return err
	}
	bin, err := c.Store.Ensure(ctx, artifact.Node())
	if err != nil {
		return err
	}
	if err := c.boot(ctx, bin); err != nil {
		return fmt.Errorf("%w\n(logs are in %s; \"down\" removes what was started)", err, c.Logs())
	}
	c.say("up after %s: Kubernetes %s, node at %s\n", time.Since(start).Round(100*time.Millisecond), artifact.KubernetesVersion, c.NodeIP())
	c.say("export KUBECONFIG=%s", c.Kubeconfig())
	return nil
}

// alreadyUp tells whether there is nothing to do. A node that does not answer
// soon is stopped, so that Up starts it again.
func (c *Cluster) alreadyUp(ctx context.Context) (bool, error) {
	var record Record
	if err := readJSON(c.record(), &record); err != nil {
		return false, err
	}
	if record.Subnet != "" && record.Subnet != c.Subnet.String() {
		return false, fmt.Errorf("there is a node with subnet %s, run \"down\" before you use %s", record.Subnet, c.Subnet)
	}
	if record.Alive() {
		api, err := c.newAPI()
		if err == nil {
			err = wait(ctx, 20*time.Second, api.healthySince(record.Boot))
		}
		if err == nil {
			c.say("already up: node at %s\n", c.NodeIP())
			c.say("export KUBECONFIG=%s", c.Kubeconfig())
			return true, nil
		}
		c.say("the node runs but is not well, starting it again: %v\n", err)
	}
	return false, c.stop(ctx)
}

// boot takes the node from nothing to ready.
func (c *Cluster) boot(ctx context.Context, bin map[string]string) error {
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
	api, err := c.newAPI()
	if err != nil {
		return err
	}
	return wait(ctx, readyTimeout, api.healthySince(record.Boot))
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
