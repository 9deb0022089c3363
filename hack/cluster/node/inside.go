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
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/hack/cluster/image"
)

// importOwn imports the images of the node's own pods.
func (c *Cluster) importOwn(ctx context.Context, record Record, bin map[string]string) error {
	socket := fmt.Sprintf("/proc/%d/root/run/containerd/containerd.sock", record.PID)
	if err := wait(ctx, readyTimeout, func(context.Context) error {
		if !answers("unix://" + socket) {
			return errors.New("containerd does not answer, see " + c.log("containerd"))
		}
		return nil
	}); err != nil {
		return err
	}
	for _, own := range []*image.Image{
		{Reference: pauseImage, Binary: bin["pause"]},
		{Reference: coreDNSImage, Binary: bin["coredns"]},
		{Reference: certManagerImage, Binary: bin["cert-manager-controller"]},
	} {
		if err := c.load(ctx, record, own.Write); err != nil {
			return fmt.Errorf("image %s: %w", own.Reference, err)
		}
	}
	return nil
}

// applyOwn applies the manifests of the node's own pods. It is repeated while
// the API server still sets itself up.
func (c *Cluster) applyOwn(ctx context.Context, kubectl string) error {
	source, err := c.Store.ModuleDir(ctx, "certmanager", "github.com/cert-manager/cert-manager")
	if err != nil {
		return err
	}
	return wait(ctx, time.Minute, func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, kubectl, "apply", "--server-side", "--force-conflicts",
			"--kubeconfig", c.Kubeconfig(), "--cache-dir", filepath.Join(c.State, "kubectl"),
			"-f", filepath.Join(source, "deploy", "crds"),
			"-f", c.conf("coredns.yaml"), "-f", c.conf("cert-manager.yaml"))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("kubectl apply: %w\n%s", err, out)
		}
		return nil
	})
}

// LoadImage packs the image and imports it.
func (c *Cluster) LoadImage(ctx context.Context, i *image.Image) error {
	record, err := c.running()
	if err != nil {
		return err
	}
	return c.load(ctx, record, i.Write)
}

// LoadArchive imports a docker-archive or OCI archive.
func (c *Cluster) LoadArchive(ctx context.Context, path string) error {
	record, err := c.running()
	if err != nil {
		return err
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return c.load(ctx, record, func(w io.Writer) error {
		_, err := io.Copy(w, file)
		return err
	})
}

// load streams an archive into containerd. Its client has to run inside: it
// talks to containerd by a socket that the host does not see.
func (c *Cluster) load(ctx context.Context, record Record, write func(io.Writer) error) error {
	cmd := exec.CommandContext(ctx, "nsenter", "--target", strconv.Itoa(record.PID), "--mount", "--net", "--",
		"ctr", "--namespace", "k8s.io", "images", "import", "-")
	input, output := io.Pipe()
	cmd.Stdin = input
	failed := make(chan error, 1)
	go func() {
		err := write(output)
		output.CloseWithError(err)
		failed <- err
	}()
	out, err := cmd.CombinedOutput()
	input.Close()
	if writeErr := <-failed; writeErr != nil && !errors.Is(writeErr, io.ErrClosedPipe) {
		return writeErr
	}
	if err != nil {
		return fmt.Errorf("ctr images import: %w\n%s", err, out)
	}
	return nil
}

// Exec replaces this process by a command in the node's network namespace, or
// in all of its namespaces. It joins the node's cgroup first, so that "down"
// also ends what was started this way and forgotten.
func (c *Cluster) Exec(command []string, all bool) error {
	record, err := c.running()
	if err != nil {
		return err
	}
	if err := joinCgroups(c.Name()); err != nil {
		return err
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return err
	}
	args := []string{"nsenter", "--target", strconv.Itoa(record.PID), "--net"}
	if all {
		args = append(args, "--mount", "--uts", "--ipc", "--pid")
	}
	return syscall.Exec(nsenter, append(append(args, "--"), command...), os.Environ())
}

// running returns the record of the supervisor, or an error that says how to
// get one.
func (c *Cluster) running() (Record, error) {
	if os.Geteuid() != 0 {
		return Record{}, errors.New("only root can enter the node, run this as root")
	}
	var record Record
	if err := readJSON(c.record(), &record); err != nil {
		return Record{}, err
	}
	if !record.Alive() {
		return Record{}, errors.New("the cluster is not up, run \"go run . up\" first")
	}
	return record, nil
}
