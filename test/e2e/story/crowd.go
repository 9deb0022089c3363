// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Names in crowd.yaml and crowd-gateway.yaml.
const (
	crowdSpace = "crowd"
	crowdName  = "crowd"
	crowdHost  = "ws.crowd.example.com"
	crowdPath  = "/crowd"
	crowdPods  = 4
	// crowdSize is how many connections are open at the same time.
	crowdSize = 10_000
)

//go:embed crowd.yaml
var crowdWorld []byte

//go:embed crowd-gateway.yaml
var crowdGateway []byte

// Node is what a chapter needs of the node itself, beside the API server.
type Node struct {
	// Logs is the node's folder /var/log/pods, as the test sees it.
	Logs string
	// Kill sends SIGKILL to the first process of a container, by the id that the
	// container runtime has for it, and to nothing else.
	Kill func(ctx context.Context, container string) error
}

// crowd is the chapter about the audit log of ten thousand connections: whatever
// ends them, the log says so, and says where somebody changed it afterwards.
type crowd struct {
	program
	world  *World
	node   Node
	folder string
	roots  *x509.CertPool

	stations []*station
	seats    []*seat
	refused  refusals
	logs     *nodeLogs
	ledger   *crowdLedger
	// copies are the logs after the end of all pods.
	copies []copied
	// killed is the boot that was ended by SIGKILL, and left how many connections
	// the clients had open with it.
	killed bootName
	left   int
	began  time.Time
}

// station is a pod of the gateway, as clients see it.
type station struct {
	pod     string
	target  *target
	session tls.ClientSessionCache
	// host is the address that the pod sees connections come from.
	host string
}

// CrowdSteps is the chapter in order. wsgw is the program, kubeconfig says where
// the cluster is, and folder is a place for files.
func (w *World) CrowdSteps(node Node, wsgw, kubeconfig, folder string) []Step {
	c := &crowd{world: w, node: node, program: newProgram(wsgw, kubeconfig, crowdSpace), folder: folder}
	return []Step{
		{"A gateway of four pods signs its audit log", c.opens},
		{fmt.Sprintf("%d connections are open at the same time, among strangers who are refused", crowdSize), c.arrives},
		{"The kubelet rotates the log of every pod meanwhile", c.rotated},
		{"Clients leave, some politely and some without a word", c.someLeave},
		{"A revocation ends its connections, and kubectl wsgw close others", c.someMustLeave},
		{"A pod that is deleted drains", c.drained},
		{"A pod is ended by SIGKILL", c.isKilled},
		{"The others leave, and the gateway is removed", c.farewell},
		{"Each connection is in the logs once as opened and once as closed, and each refusal is counted", c.everyoneIsInTheLogs},
		{"wsgw audit verify finds the logs whole, but for the killed pod's, and counts what it had open", c.verified},
		{"wsgw audit verify names the file and the line of what was tampered with", c.tampered},
		{"The crowd's namespace is removed", c.cleared},
	}
}

func (c *crowd) opens(ctx context.Context) (string, error) {
	started := time.Now()
	for _, prepare := range []func(context.Context) error{
		func(ctx context.Context) error { return c.world.withoutSpace(ctx, crowdSpace) },
		func(ctx context.Context) error { return c.world.applyAll(ctx, crowdWorld) },
		func(ctx context.Context) error { return c.world.publishKeySet(ctx, crowdSpace) },
		c.signs, c.trusts,
		func(ctx context.Context) error {
			return until(ctx, startPatience, c.world.available(crowdSpace, "echo"))
		},
	} {
		if err := prepare(ctx); err != nil {
			return "", err
		}
	}
	c.logs = readNodeLogs(c.node.Logs, crowdSpace, "wsgw-"+crowdName+"-", "gateway")
	c.world.collected = append(c.world.collected, c.logs)
	if err := c.world.applyAll(ctx, crowdGateway); err != nil {
		return "", err
	}
	key := client.ObjectKey{Namespace: crowdSpace, Name: crowdName}
	err := until(ctx, startPatience, func(ctx context.Context) error { return c.world.isCurrent(ctx, key) })
	if err != nil {
		return "", err
	}
	if err := c.findStations(ctx); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d pods after %s", len(c.stations), time.Since(started).Round(100*time.Millisecond)), nil
}

// publicKey is the file with the key that audit verify is given.
func (c *crowd) publicKey() string { return filepath.Join(c.folder, "audit.pub") }

// signs makes the key of the audit log, which is new with each gateway.
func (c *crowd) signs(ctx context.Context) error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return fmt.Errorf("make the key of the audit log: %w", err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return fmt.Errorf("write the key of the audit log: %w", err)
	}
	told, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return fmt.Errorf("write the key of the audit log: %w", err)
	}
	file := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: told})
	if err := os.WriteFile(c.publicKey(), file, 0o600); err != nil {
		return fmt.Errorf("write the public key of the audit log: %w", err)
	}
	return create(ctx, c.world, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: crowdSpace, Name: "audit-key"},
		Data:       map[string][]byte{"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})},
	})
}

func (c *crowd) trusts(ctx context.Context) error {
	secret, err := c.world.issued(ctx, crowdSpace, "crowd-ca")
	if err != nil {
		return err
	}
	c.roots = x509.NewCertPool()
	if !c.roots.AppendCertsFromPEM(secret.Data["tls.crt"]) {
		return errors.New("the Secret crowd-ca holds no certificate")
	}
	return nil
}

// findStations finds the address of each pod. The node lets the test reach them.
func (c *crowd) findStations(ctx context.Context) error {
	pods, err := c.world.pods(ctx, crowdSpace, ofGateway(crowdName))
	if err != nil {
		return err
	}
	if len(pods) != crowdPods {
		return fmt.Errorf("%d pods, want %d", len(pods), crowdPods)
	}
	for i := range pods {
		host, err := addressTowards(ctx, pods[i].Status.PodIP)
		if err != nil {
			return err
		}
		c.stations = append(c.stations, &station{
			pod: pods[i].Name, host: host, session: tls.NewLRUClientSessionCache(1),
			target: &target{address: net.JoinHostPort(pods[i].Status.PodIP, doorPort), roots: c.roots, admitted: &counter{}},
		})
	}
	slices.SortFunc(c.stations, func(a, b *station) int { return strings.Compare(a.pod, b.pod) })
	return nil
}

// addressTowards is the address that connections to a pod have here. Nothing is
// sent to find it out.
func addressTowards(ctx context.Context, pod string) (string, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "udp", net.JoinHostPort(pod, doorPort))
	if err != nil {
		return "", fmt.Errorf("find the way to a pod: %w", err)
	}
	defer conn.Close()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		return "", fmt.Errorf("find the way to a pod: %w", err)
	}
	return host, nil
}

// cleared gives the memory of the pods back.
func (c *crowd) cleared(ctx context.Context) (string, error) {
	if err := c.world.withoutSpace(ctx, crowdSpace); err != nil {
		return "", err
	}
	return fmt.Sprintf("the chapter took %s since the first connection", time.Since(c.began).Round(time.Second)), nil
}
