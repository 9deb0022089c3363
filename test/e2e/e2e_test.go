// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

// Package e2e_test runs the story of the demo as tests, and then what the demo
// is too short for, on a real node: run it by "make e2e".
package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/acmeserver"
	"github.com/wsgateway/websocket-gateway-operator/test/docs/session"
	"github.com/wsgateway/websocket-gateway-operator/test/e2e/story"
	"github.com/wsgateway/websocket-gateway-operator/test/promserver"
)

// TestOnARealNode tells one story on one cluster, so its parts run in order.
func TestOnARealNode(t *testing.T) {
	world := open(t)
	tell(t, world.Steps())
	gettingStarted(t)
	begin, end := watchSteps(t, world, true)
	tell(t, begin)
	for _, trouble := range story.Troubles() {
		run(t, "The status tells what is wrong when "+trouble.Name, func(ctx context.Context) (string, error) {
			return trouble.Check(ctx, world)
		})
	}
	run(t, "A gateway image that is not there stops nobody", world.MissingImage)
	run(t, "A renewed certificate is served by every pod at once", world.RenewOften)
	run(t, "A changed spec is in force in every pod at once", world.ChangeOften)
	tell(t, world.DoorSteps())
	tell(t, world.TeamsSteps())
	tell(t, acmeSteps(t, world))
	tell(t, pluginSteps(t, world))
	tell(t, end)
	tell(t, crowdSteps(t, world))
	run(t, "The operator writes nothing while nothing changes", func(ctx context.Context) (string, error) {
		return world.Quiet(ctx, auditLog(t), quiet(t))
	})
}

// TestWhoMayConnect is a chapter of that story, for those who work on it: it
// needs the cluster and nothing of what comes before. "make e2e" leaves it out.
func TestWhoMayConnect(t *testing.T) { tell(t, open(t).DoorSteps()) }

// TestTeams is the chapter about routes of app teams, which needs the cluster only.
func TestTeams(t *testing.T) { tell(t, open(t).TeamsSteps()) }

// TestACME is the chapter about certificates of a real ACME server, which needs the
// cluster only.
func TestACME(t *testing.T) { tell(t, acmeSteps(t, open(t))) }

func acmeSteps(t *testing.T, world *story.World) []story.Step {
	t.Helper()
	folder := t.TempDir()
	steps, stop := world.ACMESteps(story.ACME{
		Programs: acmeserver.Programs{Pebble: tool(t, "pebble"), DNS: tool(t, "pebble-challtestsrv")},
		Folder:   folder, Program: buildProgram(t, folder), Kubeconfig: need(t, "KUBECONFIG"),
	})
	t.Cleanup(stop)
	return steps
}

// tool is the path of a program that hack/tool.sh builds.
func tool(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "../../hack/tool.sh", name).Output()
	if err != nil {
		t.Fatalf("hack/tool.sh %s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// TestPlugin is the chapter about kubectl wsgw, which needs the quick start only.
func TestPlugin(t *testing.T) { tell(t, pluginSteps(t, open(t))) }

// TestAlerts is the chapter about monitoring; alone, it takes some six minutes of
// waiting for what takes that long in the other chapters' time.
func TestAlerts(t *testing.T) {
	begin, end := watchSteps(t, open(t), false)
	tell(t, begin)
	tell(t, end)
}

// TestGettingStarted runs the commands of docs/getting-started.md, which needs the
// cluster only.
func TestGettingStarted(t *testing.T) { gettingStarted(t) }

func gettingStarted(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("../../docs/getting-started.md")
	if err != nil {
		t.Fatal(err)
	}
	// The page's port may be taken on this machine.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err := errors.Join(err, listener.Close()); err != nil {
		t.Fatal(err)
	}
	commands := session.Commands(strings.ReplaceAll(string(text), "8443", port))
	shell := session.Session{Dir: t.TempDir(), Env: []string{"KUBECONFIG=" + need(t, "KUBECONFIG")}, Patience: 3 * time.Minute}
	run(t, "The commands of getting-started.md print what the page says", func(ctx context.Context) (string, error) {
		return fmt.Sprintf("%d blocks", len(commands)), shell.Run(ctx, commands)
	})
}

// watchSteps are the two parts of that chapter. all says whether the other chapters
// are told in between.
func watchSteps(t *testing.T, world *story.World, all bool) (begin, end []story.Step) {
	t.Helper()
	rendered, err := promserver.Render(t.Context(), "../..", "--set", "monitoring.monitors.interval=5s")
	if err != nil {
		t.Fatal(err)
	}
	begin, end, stop := world.Watch(story.Outlook{
		Rendered: rendered, Folder: t.TempDir(), Pictures: os.Getenv("WSGATEWAY_PICTURES"), Node: onNode, All: all,
	})
	t.Cleanup(stop)
	return begin, end
}

// onNode runs a command on the node.
func onNode(ctx context.Context, args ...string) error {
	command := exec.CommandContext(ctx, "go", append([]string{"-C", "../../hack/cluster", "run", ".", "exec", "--all", "--"}, args...)...)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("on the node: %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

// TestTenThousand is the chapter about the audit log of ten thousand connections,
// which needs the cluster only.
func TestTenThousand(t *testing.T) { tell(t, crowdSteps(t, open(t))) }

// TestHelm is the chapter about the life of a release, which needs the quick start
// only. It is run by "make test-helm".
func TestHelm(t *testing.T) {
	helm := story.Helm{Chart: "../../charts/websocket-gateway-operator", Folder: t.TempDir(), Kubeconfig: need(t, "KUBECONFIG")}
	for _, name := range []string{"helm", "helm@v3"} {
		helm.Programs = append(helm.Programs, tool(t, name))
	}
	tell(t, open(t).ReleaseSteps(helm))
}

func pluginSteps(t *testing.T, world *story.World) []story.Step {
	t.Helper()
	folder := t.TempDir()
	return world.PluginSteps(story.Plugin{
		Program: buildProgram(t, folder), Kubeconfig: need(t, "KUBECONFIG"), Folder: folder,
		APIServerLog: auditLog(t), Recording: os.Getenv("WSGATEWAY_RECORDING"),
	})
}

func crowdSteps(t *testing.T, world *story.World) []story.Step {
	t.Helper()
	folder := t.TempDir()
	node := story.Node{Logs: need(t, "WSGATEWAY_POD_LOGS"), Kill: kill}
	return world.CrowdSteps(node, buildProgram(t, folder), need(t, "KUBECONFIG"), folder)
}

// kill has containerd, inside of the node that hack/cluster started, end the one
// process that it started for the container.
func kill(ctx context.Context, container string) error {
	return onNode(ctx, "ctr", "--namespace", "k8s.io", "tasks", "kill", "--signal", "SIGKILL", container)
}

// buildProgram builds wsgw as it is installed for kubectl.
func buildProgram(t *testing.T, folder string) string {
	t.Helper()
	program := filepath.Join(folder, "kubectl-wsgw")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/wsgw").CombinedOutput(); err != nil {
		t.Fatalf("build wsgw: %v\n%s", err, out)
	}
	return program
}

func tell(t *testing.T, steps []story.Step) {
	t.Helper()
	for _, step := range steps {
		run(t, step.Name, step.Run)
	}
}

// run ends the test at the first failure: what follows would only repeat it.
func run(t *testing.T, name string, check func(context.Context) (string, error)) {
	t.Helper()
	ok := t.Run(name, func(t *testing.T) {
		result, err := check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Log(result)
	})
	if !ok {
		t.FailNow()
	}
}

func open(t *testing.T) *story.World {
	t.Helper()
	world, err := story.Open(need(t, "KUBECONFIG"))
	if err != nil {
		t.Fatal(err)
	}
	if world.Key, err = story.LoadKey(need(t, "WSGATEWAY_ISSUER_KEY")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	return world
}

func auditLog(t *testing.T) string {
	t.Helper()
	return need(t, "WSGATEWAY_APISERVER_AUDIT_LOG")
}

// quiet is how long nothing may be written.
func quiet(t *testing.T) time.Duration {
	t.Helper()
	span, err := time.ParseDuration(need(t, "WSGATEWAY_QUIET"))
	if err != nil {
		t.Fatalf("WSGATEWAY_QUIET: %v", err)
	}
	return span
}

func need(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run this by 'make e2e', which starts the cluster", name)
	}
	return value
}
