// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Command demo shows the product at work on a cluster of its own: it starts a
// real one-node Kubernetes with cert-manager, installs the operator with Helm,
// applies the quick start and then tries, as a client outside of the cluster,
// everything that the README promises.
//
// Run it by "make demo" in the root of a checkout.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/e2e/story"
)

const usage = `usage: go run ./hack/demo COMMAND

  up         start a cluster, install, apply the quick start, try everything
  install    the same without the trying
  down       remove the cluster and everything on it
  token      print a token that the quick start's gateway accepts for an hour

Environment: WSGATEWAY_STATE (the cluster's folder), WSGATEWAY_CACHE (builds).
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) != 2 {
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	}
	d := &demo{out: os.Stdout, started: time.Now()}
	err := d.run(ctx, os.Args[1])
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "demo:", err)
	if errors.Is(err, errUsage) {
		os.Exit(2)
	}
	os.Exit(1)
}

var errUsage = errors.New("unknown command")

// demo prints steps, their results and their times.
type demo struct {
	out     io.Writer
	started time.Time
}

func (d *demo) run(ctx context.Context, command string) error {
	switch command {
	case "up":
		return d.up(ctx)
	case "install":
		_, err := d.install(ctx)
		return err
	case "down":
		return cluster(ctx, "down")
	case "token":
		return d.token()
	default:
		return fmt.Errorf("%w: %q is none of up, install, down and token", errUsage, command)
	}
}

// up ends with one line that says whether everything held.
func (d *demo) up(ctx context.Context) error {
	world, err := d.install(ctx)
	if err == nil {
		err = d.tell(ctx, world)
	}
	if err != nil {
		fmt.Fprintf(d.out, "\ndemo: FAILED after %s: %v\n", d.elapsed(), err)
		return errors.New("see above; the cluster is left as it is, 'make demo-down' removes it")
	}
	if err := d.lookAround(); err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\nAll of it took %s.\ndemo: passed\n", d.elapsed())
	return nil
}

func (d *demo) tell(ctx context.Context, world *story.World) error {
	defer world.Close()
	for _, step := range world.Steps() {
		if err := d.step(step.Name, func() (string, error) { return step.Run(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// step prints what is done before it is done, then what came of it.
func (d *demo) step(name string, run func() (string, error)) error {
	fmt.Fprintf(d.out, "--> %s\n", name)
	started := time.Now()
	result, err := run()
	took := time.Since(started).Round(10 * time.Millisecond)
	if err != nil {
		fmt.Fprintf(d.out, "    FAILED after %s: %v\n", took, err)
		return fmt.Errorf("%s: %w", name, err)
	}
	fmt.Fprintf(d.out, "    ok: %s (%s)\n", result, took)
	return nil
}

func (d *demo) elapsed() time.Duration { return time.Since(d.started).Round(time.Second) }

func (d *demo) lookAround() error {
	kubeconfig, err := kubeconfigPath(context.Background())
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, `
The cluster is still there. Look around:

  export KUBECONFIG=%s
  kubectl get wsgw -A                                # or: go -C hack/cluster run . kubectl get wsgw -A
  kubectl describe wsgw edge -n quickstart
  kubectl logs -n quickstart -l wsgateway.dev/gateway=edge --prefix | grep event.action
  go run ./hack/demo token                           # a token for your own client

'make demo-down' removes it.
`, kubeconfig)
	return nil
}

func (d *demo) token() error {
	key, err := story.LoadKey(keyFile())
	if err != nil {
		return err
	}
	token, err := story.Token(key, "you", time.Hour)
	if err != nil {
		return err
	}
	fmt.Fprintln(d.out, token)
	return nil
}

// keyFile holds the private key of the quick start's token issuer.
func keyFile() string {
	state := os.Getenv("WSGATEWAY_STATE")
	if state == "" {
		state = "/var/lib/websocket-gateway-operator"
	}
	return filepath.Join(state+"-demo", "issuer.pem")
}
