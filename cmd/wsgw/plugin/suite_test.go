// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package plugin_test runs the commands against a real API server. There is no
// kubelet: pods are objects that the tests write, and what answers at their ports
// is a real gateway on loopback, or nobody.
package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/live"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/plugin"
	"github.com/wsgateway/websocket-gateway-operator/test/apiserver"
	"github.com/wsgateway/websocket-gateway-operator/test/auditschema"
)

var update = flag.Bool("update", false, "write what the tests find into the golden files")

var server *envtest.Environment

// auditRecords is the schema that every audit record is held against.
var auditRecords *auditschema.Schema

func TestMain(m *testing.M) { os.Exit(runAll(m)) }

func runAll(m *testing.M) int {
	ctrl.SetLogger(logr.Discard())
	crds, err := certManagerCRDs()
	if err == nil {
		auditRecords, err = auditschema.Load("../../../" + auditschema.File)
	}
	if err == nil {
		server, err = apiserver.New(nil, filepath.Join("..", "..", "..", "config", "crd", "bases"), crds)
	}
	if err == nil {
		_, err = server.Start()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "start the API server: %v\n", err)
		return 1
	}
	code := m.Run()
	if err := server.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "stop the API server: %v\n", err)
		return 1
	}
	return code
}

// certManagerCRDs finds the CRDs in cert-manager's own module.
func certManagerCRDs() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cert-manager/cert-manager").Output()
	if err != nil {
		return "", fmt.Errorf("find the module of cert-manager: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "deploy", "crds"), nil
}

// now is when the tests take place.
var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// bench is a namespace and a person in front of a terminal.
type bench struct {
	t       *testing.T
	space   string
	cluster *cluster.Cluster
	dialer  *loopback
	// in is what the person types; interactive whether there is one.
	in          io.Reader
	interactive bool
	terminal    live.Terminal
	// watched, if somebody looks at it meanwhile, gets what is printed.
	watched *buffer
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return newBenchAs(t, server.Config)
}

func newBenchAs(t *testing.T, config *rest.Config) *bench {
	t.Helper()
	config = rest.CopyConfig(config)
	config.QPS = -1
	c, err := cluster.New(config)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, cluster: c, dialer: &loopback{ports: map[string]map[int]string{}}, in: strings.NewReader("")}
	space := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "plugin-"}}
	admin, err := cluster.New(server.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := admin.Objects.Create(t.Context(), space); err != nil {
		t.Fatal(err)
	}
	b.space = space.Name
	c.Namespace, c.Dialer, c.User, c.Context = space.Name, b.dialer, "somebody", "test"
	return b
}

// create writes an object and its status.
func (b *bench) create(objects ...client.Object) {
	b.t.Helper()
	for _, object := range objects {
		object.SetNamespace(b.space)
		wanted, isObject := object.DeepCopyObject().(client.Object)
		if !isObject {
			b.t.Fatalf("%T is no object", object)
		}
		if err := b.cluster.Objects.Create(b.t.Context(), object); err != nil {
			b.t.Fatalf("create %T %s: %v", object, wanted.GetName(), err)
		}
		wanted.SetResourceVersion(object.GetResourceVersion())
		wanted.SetUID(object.GetUID())
		if err := b.cluster.Objects.Status().Update(b.t.Context(), wanted); err != nil && !strings.Contains(err.Error(), "the server could not find") {
			b.t.Fatalf("write the status of %T %s: %v", object, wanted.GetName(), err)
		}
	}
}

// run runs a command line.
func (b *bench) run(args ...string) (out, log string, code int) {
	b.t.Helper()
	return b.runIn(b.t.Context(), args...)
}

func (b *bench) runIn(ctx context.Context, args ...string) (out, log string, code int) {
	b.t.Helper()
	var stderr buffer
	stdout := &buffer{}
	if b.watched != nil {
		stdout = b.watched
	}
	env := b.env(stdout, &stderr)
	root := &cobra.Command{Use: "wsgw", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(plugin.Commands(env)...)
	root.SetOut(stdout)
	root.SetErr(&stderr)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil && !exit.Silent(err) {
		fmt.Fprintf(&stderr, "wsgw: %v\n", err)
	}
	return stdout.String(), stderr.String(), exit.Code(err)
}

// shows waits until a text was printed; false if it never is.
func (b *bench) shows(text string) bool {
	for deadline := time.Now().Add(time.Minute); !strings.Contains(b.watched.String(), text); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

func (b *bench) env(out, log io.Writer) *plugin.Env {
	return &plugin.Env{
		In: b.in, Out: out, Err: log, Terminal: b.terminal, Interactive: b.interactive, Version: "v0-test",
		Now: func() time.Time { return now },
		Open: func(flags *cluster.Flags) (*cluster.Cluster, error) {
			if flags.AllNamespaces {
				all := *b.cluster
				all.Namespace = ""
				return &all, nil
			}
			return b.cluster, nil
		},
	}
}

// buffer may be written and read at the same time.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// loopback stands for the ports of pods.
type loopback struct {
	mu    sync.Mutex
	ports map[string]map[int]string
	// asked counts connections.
	asked int
}

var errNoKubelet = errors.New("no kubelet in this test")

// Dial implements cluster.Dialer.
func (l *loopback) Dial(ctx context.Context, pod types.NamespacedName, port int) (net.Conn, error) {
	l.mu.Lock()
	address := l.ports[pod.Name][port]
	l.asked++
	l.mu.Unlock()
	if address == "" {
		return nil, errNoKubelet
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

// golden compares a text with a file of testdata. What differs between two runs
// is replaced before. "make golden" does not write these files, since it starts no
// API server.
func (b *bench) golden(name, got string) {
	b.t.Helper()
	got = strings.ReplaceAll(got, b.space, "SPACE")
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			b.t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		b.t.Fatal(err)
	}
	if got != string(want) {
		b.t.Errorf("%s is not as it was: look at the difference, and run this package's tests with -update. Got:\n%s\nwant:\n%s", file, got, want)
	}
}
