// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	acmev1 "github.com/cert-manager/cert-manager/pkg/apis/acme/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/test/acmeserver"
)

const acmeSpace = "acme"

//go:embed acme.yaml
var acmeWorld []byte

// ACME is what the chapter about certificates of an ACME server needs of the machine.
type ACME struct {
	Programs acmeserver.Programs
	// Folder is a place for the server's files, Program the path of wsgw.
	Folder, Program, Kubeconfig string
}

// acme is the chapter about certificates of a real ACME server: what the status says of
// each of the ways in which it may give none.
type acme struct {
	world    *World
	needs    ACME
	server   *acmeserver.Server
	operator *podLogs
	admitted counter
	// secrets are the tokens and keys of all challenges that were seen.
	secrets planted
}

// ACMESteps is the chapter in order. Each step relies on the first one only, but the
// last, which takes away what the others look at. The words that a status must have are
// mostly those of cert-manager and of the ACME server. stop ends the server; it may be
// called at any time.
func (w *World) ACMESteps(needs ACME) (steps []Step, stop func()) {
	a := &acme{world: w, needs: needs}
	steps = []Step{
		{"A certificate of an ACME server is served", a.served},
		{"An Order that the ACME server refuses is told in its words", a.says("refused", wsv1alpha1.ReasonIssuanceFailed,
			"tries again at", "is errored", "rejectedIdentifier", "forbidden by policy")},
		{
			"A challenge that the ACME server finds no answer to has failed, and when the next attempt comes is told",
			a.says("unseen", wsv1alpha1.ReasonIssuanceFailed, "tries again at", "is invalid", "DNS-01 challenge for unseen.acme.example.com is", "403", "No TXT records found"),
		},
		{"A challenge that is not met yet says what it waits for", a.says("waiting", wsv1alpha1.ReasonIssuing,
			"is pending", "DNS-01 challenge for waiting.acme.example.com is pending: Waiting for DNS-01 challenge propagation", "SOA record")},
		{"So does one by HTTP, without its token", a.says("web", wsv1alpha1.ReasonIssuing,
			"HTTP-01 challenge for web.acme.example.com is pending: Waiting for HTTP-01 challenge propagation", "/.well-known/acme-challenge/...'")},
		{"An account that the ACME server refuses is told as that", a.says("stranger", wsv1alpha1.ReasonIssuing,
			`Issuer "stranger" is not ready: ErrRegisterACMEAccount`, "invalidContact")},
		{"An ACME server that is not there is told as that", a.says("nobody", wsv1alpha1.ReasonIssuing,
			`Issuer "nobody" is not ready: ErrRegisterACMEAccount`, "connection refused")},
		{"wsgw status says what to do, and no token or key of a challenge is anywhere", a.nothingLeaks},
		{"An ACME server that went away is told by its absence, since it has the account", a.away},
		{"Nothing of it is left", a.gone},
	}
	return steps, func() {
		if a.server != nil {
			a.server.Stop()
		}
	}
}

// served begins with an empty namespace, so that the chapter can be told again, and
// makes all gateways at once, so that they fail beside each other.
func (a *acme) served(ctx context.Context) (string, error) {
	if err := a.begin(ctx); err != nil {
		return "", err
	}
	started := time.Now()
	key := client.ObjectKey{Namespace: acmeSpace, Name: "served"}
	if err := until(ctx, startPatience, func(ctx context.Context) error {
		return errors.Join(a.collect(ctx), a.world.isCurrent(ctx, key))
	}); err != nil {
		return "", err
	}
	root, err := a.server.Root(ctx)
	if err != nil {
		return "", err
	}
	pods, err := a.world.pods(ctx, acmeSpace, ofGateway(key.Name))
	if err != nil || len(pods) != 1 {
		return "", fmt.Errorf("%d pods, want one: %w", len(pods), err)
	}
	to := target{address: net.JoinHostPort(pods[0].Status.PodIP, doorPort), roots: x509.NewCertPool(), admitted: &a.admitted}
	if !to.roots.AppendCertsFromPEM(root) {
		return "", errors.New("the ACME server's root holds no certificate")
	}
	// Where no chain leads to that root, the handshake fails.
	conn, _, err := a.world.dial(ctx, attempt{to: &to, serverName: acmeHost(key.Name), origin: "-"})
	if err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	defer bye(conn)
	if err := echoOnce(conn, "hello"); err != nil {
		return "", err
	}
	return fmt.Sprintf("echoed over wss:// %s after the gateway was created", ms(time.Since(started))), nil
}

// begin starts the server at the address at which this host and the node meet.
func (a *acme) begin(ctx context.Context) error {
	if err := errors.Join(a.withoutChallenges(ctx), a.world.withoutSpace(ctx, acmeSpace)); err != nil {
		return err
	}
	host, err := a.world.hostAddress(ctx)
	if err != nil {
		return err
	}
	a.operator = a.world.followSince(context.WithoutCancel(ctx), nil, OperatorSpace, operatorLabels())
	if a.server, err = acmeserver.Start(ctx, a.needs.Programs, a.needs.Folder, host); err != nil {
		return err
	}
	if err := a.world.applyAll(ctx, acmeWorld); err != nil {
		return err
	}
	for _, object := range a.objects() {
		if err := create(ctx, a.world, object); err != nil {
			return err
		}
	}
	return until(ctx, startPatience, a.world.available(acmeSpace, "echo"))
}

// hostAddress is this end of the way to the node.
func (w *World) hostAddress(ctx context.Context) (string, error) {
	if err := w.findAddress(ctx); err != nil {
		return "", err
	}
	var dialer net.Dialer
	// Nothing is sent: UDP only looks for the way.
	conn, err := dialer.DialContext(ctx, "udp", w.address)
	if err != nil {
		return "", fmt.Errorf("find the way to the node: %w", err)
	}
	defer func() { _ = conn.Close() }()
	host, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		return "", fmt.Errorf("read this host's address: %w", err)
	}
	return host, nil
}

// says waits until the status of a gateway has a reason and all the words.
func (a *acme) says(name, reason string, words ...string) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		var message string
		err := until(ctx, startPatience, func(ctx context.Context) error {
			if err := a.collect(ctx); err != nil {
				return err
			}
			found, err := a.certificatesReady(ctx, name)
			if err != nil {
				return err
			}
			if found == nil || found.Reason != reason {
				return fmt.Errorf("condition CertificatesReady is %+v, want reason %s", found, reason)
			}
			for _, word := range words {
				if !strings.Contains(found.Message, word) {
					return fmt.Errorf("the message does not say %q: %s", word, found.Message)
				}
			}
			message = found.Message
			return nil
		})
		return message, err
	}
}

func (a *acme) certificatesReady(ctx context.Context, name string) (*metav1.Condition, error) {
	gw := &wsv1alpha1.WebSocketGateway{}
	if err := a.world.Client.Get(ctx, client.ObjectKey{Namespace: acmeSpace, Name: name}, gw); err != nil {
		return nil, fmt.Errorf("get gateway: %w", err)
	}
	return apimeta.FindStatusCondition(gw.Status.Conditions, wsv1alpha1.ConditionCertificatesReady), nil
}

// collect remembers the secrets of the challenges that there are now.
func (a *acme) collect(ctx context.Context) error {
	challenges, err := a.challenges(ctx)
	if err != nil {
		return err
	}
	for i := range challenges {
		a.secrets.secret(challenges[i].Spec.Key)
		a.secrets.secret(challenges[i].Spec.Token)
	}
	return nil
}

func (a *acme) challenges(ctx context.Context) ([]acmev1.Challenge, error) {
	list := &acmev1.ChallengeList{}
	if err := a.world.Client.List(ctx, list, client.InNamespace(acmeSpace)); err != nil {
		return nil, fmt.Errorf("list challenges: %w", err)
	}
	return list.Items, nil
}
