// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/e2e/story"
)

const (
	release = "wsgateway"
	chart   = "charts/websocket-gateway-operator"
	samples = "config/samples/quickstart"
)

// images maps the names in chart and quick start to the programs in them.
func images(tag string) map[string]string {
	return map[string]string{
		"ghcr.io/wsgateway/manager:" + tag:       "cmd/manager",
		"ghcr.io/wsgateway/gateway:" + tag:       "cmd/gateway",
		"ghcr.io/wsgateway/echo:" + testTag:      "test/echo",
		"ghcr.io/wsgateway/keyserver:" + testTag: "test/keyserver",
		"ghcr.io/wsgateway/extauthz:" + testTag:  "test/extauthz",
	}
}

// testTag is that of the programs that are only there to try the product with.
const testTag = "0.1.0"

// install brings a machine from nothing to an applied quick start.
func (d *demo) install(ctx context.Context) (*story.World, error) {
	if err := d.startCluster(ctx); err != nil {
		return nil, err
	}
	kubeconfig, err := kubeconfigPath(ctx)
	if err != nil {
		return nil, err
	}
	var tag string
	err = d.step("Build the programs and give them to the node as images", func() (string, error) {
		tag, err = loadImages(ctx)
		return "images tagged " + tag, err
	})
	if err != nil {
		return nil, err
	}
	err = d.step("helm install", func() (string, error) { return helmInstall(ctx, kubeconfig, tag) })
	if err != nil {
		return nil, err
	}
	world, err := story.Open(kubeconfig)
	if err != nil {
		return nil, err
	}
	err = d.step("kubectl apply -f "+samples, func() (string, error) { return apply(ctx, world) })
	return world, err
}

func (d *demo) startCluster(ctx context.Context) error {
	err := d.step("Start a one-node Kubernetes with cert-manager (built from source the first time)", func() (string, error) {
		return "running", cluster(ctx, "up")
	})
	if err != nil {
		return errors.New("no cluster: on a machine where this cannot run, use any cluster and 'helm install' (README)")
	}
	return nil
}

// cluster runs a command of hack/cluster and shows its progress.
func cluster(ctx context.Context, args ...string) error {
	return show(ctx, nil, "go", append([]string{"-C", "hack/cluster", "run", "."}, args...)...)
}

// kubeconfigPath asks hack/cluster, the only one who knows.
func kubeconfigPath(ctx context.Context) (string, error) {
	out, err := output(ctx, "go", "-C", "hack/cluster", "run", ".", "env")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if path, found := strings.CutPrefix(strings.TrimSpace(line), "export KUBECONFIG="); found {
			return strings.Trim(path, `"'`), nil
		}
	}
	return "", fmt.Errorf("hack/cluster env names no KUBECONFIG: %q", out)
}

// loadImages builds static binaries and imports each as an image on an empty
// base. The tag is new for each content, so that a rebuilt operator is rolled
// out and an unchanged one is not.
func loadImages(ctx context.Context) (string, error) {
	bin, err := os.MkdirTemp("", "wsgateway-images-")
	if err != nil {
		return "", fmt.Errorf("make folder for the binaries: %w", err)
	}
	defer func() { _ = os.RemoveAll(bin) }()
	env := append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
	args := []string{"build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", bin + "/"}
	for _, program := range images("") {
		args = append(args, "./"+program)
	}
	if err := show(ctx, env, "go", args...); err != nil {
		return "", err
	}
	tag, err := contentTag(filepath.Join(bin, "manager"), filepath.Join(bin, "gateway"))
	if err != nil {
		return "", err
	}
	load := []string{"load-image"}
	for name, program := range images(tag) {
		load = append(load, name+"="+filepath.Join(bin, filepath.Base(program)))
	}
	return tag, cluster(ctx, load...)
}

func helmInstall(ctx context.Context, kubeconfig, tag string) (string, error) {
	helm, err := output(ctx, "hack/tool.sh", "helm")
	if err != nil {
		return "", err
	}
	env := append(os.Environ(), "KUBECONFIG="+kubeconfig)
	// What somebody else changed on a cluster that was left up, such as the tests
	// that try another image, is the chart's again.
	err = show(ctx, env, strings.TrimSpace(helm), "upgrade", "--install", release, chart,
		"--namespace", story.OperatorSpace, "--create-namespace", "--force-conflicts", "--wait", "--timeout", "3m",
		"--set", "controller.image.tag="+tag, "--set", "gateway.image.tag="+tag,
		"--set", "controller.image.pullPolicy=Never", "--set", "gateway.image.pullPolicy=Never")
	return "release " + release + " in namespace " + story.OperatorSpace, err
}

// apply applies the quick start and, beside it, the public key of the tokens
// that this program signs.
func apply(ctx context.Context, world *story.World) (string, error) {
	key, err := story.LoadKey(keyFile())
	if err != nil {
		return "", err
	}
	world.Key = key
	if err := cluster(ctx, "kubectl", "apply", "--server-side", "--force-conflicts", "-f", absolute(samples)); err != nil {
		return "", err
	}
	if err := world.PublishKeySet(ctx); err != nil {
		return "", err
	}
	return "issuers, echo, gateway; the key set for our tokens in ConfigMap " + story.KeySetConfigMap, nil
}

func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// show runs a program with its output on ours, indented by nothing: the
// progress of long builds must be seen as it happens.
func show(ctx context.Context, env []string, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Env = env
	command.Stdout, command.Stderr = os.Stdout, os.Stderr
	command.WaitDelay = 10 * time.Second
	if err := command.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", filepath.Base(name), strings.Join(args, " "), err)
	}
	return nil
}

func output(ctx context.Context, name string, args ...string) (string, error) {
	command := exec.CommandContext(ctx, name, args...)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, os.Stderr
	if err := command.Run(); err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return out.String(), nil
}
