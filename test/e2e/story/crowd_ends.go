// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// open are the connections that nothing has ended yet and that fit.
func (c *crowd) open(fits func(*seat) bool) []*seat {
	var found []*seat
	for _, s := range c.seats {
		if s.over == nil && fits(s) {
			found = append(found, s)
		}
	}
	return found
}

func of(wanted fate) func(*seat) bool { return func(s *seat) bool { return s.fate == wanted } }
func at(there *station) func(*seat) bool {
	return func(s *seat) bool { return s.at == there }
}

// end notes what the log must say of the end of connections, and waits for it. The
// clients must have got this Close frame; with 0 none at all.
func (c *crowd) end(ctx context.Context, seats []*seat, over ending, frame int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, errors.New("waited long enough"))
	defer cancel()
	if len(seats) == 0 {
		return errors.New("there is nobody whose connection would end: this would prove nothing")
	}
	var problems []error
	for _, s := range seats {
		s.over = &over
		select {
		case <-s.guest.gone:
		case <-ctx.Done():
			return fmt.Errorf("%s should have ended: %w", s.guest.name, context.Cause(ctx))
		}
		var closing *websocket.CloseError
		got := 0
		if errors.As(s.guest.end, &closing) && closing.Code != websocket.CloseAbnormalClosure {
			got = closing.Code
		}
		if got != frame {
			problems = append(problems, fmt.Errorf("%s: Close frame with %d, want %d: %w", s.guest.name, got, frame, s.guest.end))
		}
	}
	return errors.Join(first(problems), c.present())
}

// farewells sends a Close frame on each connection.
func (c *crowd) farewells(ctx context.Context, seats []*seat) error {
	closing := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
	for _, s := range seats {
		if err := s.guest.conn.WriteControl(websocket.CloseMessage, closing, time.Now().Add(patience)); err != nil {
			return fmt.Errorf("%s: say farewell: %w", s.guest.name, err)
		}
	}
	return c.end(ctx, seats, ending{outcome.ClientClosed, websocket.CloseNormalClosure}, websocket.CloseNormalClosure)
}

// reset ends a connection as a machine does that loses its power behind a router
// which then says so: no Close frame, no TLS alert, RST.
func (g *guest) reset() error {
	encrypted, ok := g.conn.NetConn().(*tls.Conn)
	if !ok {
		return fmt.Errorf("%s: connection is a %T, not TLS", g.name, g.conn.NetConn())
	}
	plain, ok := encrypted.NetConn().(*net.TCPConn)
	if !ok {
		return fmt.Errorf("%s: connection is a %T, not TCP", g.name, encrypted.NetConn())
	}
	if err := errors.Join(plain.SetLinger(0), plain.Close()); err != nil {
		return fmt.Errorf("%s: reset: %w", g.name, err)
	}
	return nil
}

func (c *crowd) someLeave(ctx context.Context) (string, error) {
	polite, rude := c.open(of(leaves)), c.open(of(breaksOff))
	if err := c.farewells(ctx, polite); err != nil {
		return "", err
	}
	for _, s := range rude {
		if err := s.guest.reset(); err != nil {
			return "", err
		}
	}
	if err := c.end(ctx, rude, ending{outcome.ClientLost, websocket.CloseAbnormalClosure}, 0); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d by a Close frame, %d by a reset", len(polite), len(rude)), nil
}

// someMustLeave ends the connections of two callers, each in another way.
func (c *crowd) someMustLeave(ctx context.Context) (string, error) {
	object := &wsv1alpha1.WebSocketRevocation{
		ObjectMeta: metav1.ObjectMeta{Namespace: crowdSpace, Name: string(revoked)},
		Spec: wsv1alpha1.WebSocketRevocationSpec{
			GatewayRefs: []wsv1alpha1.GatewayReference{{Name: crowdName}},
			Until:       metav1.NewTime(time.Now().Add(time.Hour).Truncate(time.Second)),
			Subjects:    []wsv1alpha1.RevokedSubject{{Subject: string(revoked), Issuer: Issuer}},
		},
	}
	locked, sent := c.open(of(revoked)), c.open(of(dismissed))
	began := time.Now()
	if err := c.world.Client.Create(ctx, object); err != nil {
		return "", fmt.Errorf("create the revocation: %w", err)
	}
	if err := c.end(ctx, locked, ending{outcome.CredentialRevoked, codeCredential}, codeCredential); err != nil {
		return "", err
	}
	took := time.Since(began)
	_, err := c.run(ctx, 0, "close", crowdName, "--issuer", Issuer, "--subject", string(dismissed), "--yes",
		"--claimed-by", "the story", "--reason", "a test")
	if err != nil {
		return "", err
	}
	err = c.end(ctx, sent, ending{outcome.ByAdministrator, websocket.CloseGoingAway}, websocket.CloseGoingAway)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d by a revocation within %s, %d by kubectl wsgw close", len(locked), ms(took), len(sent)), nil
}

func (c *crowd) drained(ctx context.Context) (string, error) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: crowdSpace, Name: c.stations[0].pod}}
	guests := c.open(at(c.stations[0]))
	if err := c.world.Client.Delete(ctx, pod); err != nil {
		return "", fmt.Errorf("delete a pod: %w", err)
	}
	err := c.end(ctx, guests, ending{outcome.DrainingClosure, websocket.CloseServiceRestart}, websocket.CloseServiceRestart)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d by Close frames with %d", len(guests), websocket.CloseServiceRestart), nil
}

// isKilled ends a pod that has said all there is to say, and has connections. That
// is waited for, so that what is missing in the log is known to the last record.
func (c *crowd) isKilled(ctx context.Context) (string, error) {
	there := c.stations[1]
	c.ledger = newCrowdLedger()
	err := until(ctx, startPatience, func(context.Context) error {
		c.ledger.read(c.logs)
		return errors.Join(c.logs.problem(), c.recordsOf(there))
	})
	if err != nil {
		return "", err
	}
	guests := c.open(at(there))
	c.killed, c.left = bootName{there.pod, 0}, len(guests)
	container, err := c.containerOf(ctx, there.pod, 0)
	if err != nil {
		return "", err
	}
	if err := c.node.Kill(ctx, container); err != nil {
		return "", err
	}
	if err := c.end(ctx, guests, ending{}, 0); err != nil {
		return "", err
	}
	err = until(ctx, startPatience, func(ctx context.Context) error {
		_, err := c.containerOf(ctx, there.pod, 1)
		return err
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d connections open, ended without a word; the pod is ready again", len(guests)), nil
}

// containerOf is the id of a pod's container that is ready and was started again so
// many times.
func (c *crowd) containerOf(ctx context.Context, name string, restarts int32) (string, error) {
	pod := &corev1.Pod{}
	if err := c.world.Client.Get(ctx, client.ObjectKey{Namespace: crowdSpace, Name: name}, pod); err != nil {
		return "", fmt.Errorf("get a pod: %w", err)
	}
	if len(pod.Status.ContainerStatuses) != 1 {
		return "", fmt.Errorf("pod %s has %d containers, want 1", name, len(pod.Status.ContainerStatuses))
	}
	status := pod.Status.ContainerStatuses[0]
	_, id, found := strings.Cut(status.ContainerID, "://")
	if status.RestartCount != restarts || !status.Ready || !found {
		return "", fmt.Errorf("pod %s: %d restarts, ready %t, container %q", name, status.RestartCount, status.Ready, status.ContainerID)
	}
	return id, nil
}

// farewell ends what is left, in order, so that every log but one has its end.
func (c *crowd) farewell(ctx context.Context) (string, error) {
	guests, began := c.open(func(*seat) bool { return true }), time.Now()
	if err := c.farewells(ctx, guests); err != nil {
		return "", err
	}
	took := time.Since(began)
	files, err := c.verifiedInPlace(ctx, c.stations[2])
	if err != nil {
		return "", err
	}
	gw := &wsv1alpha1.WebSocketGateway{ObjectMeta: metav1.ObjectMeta{Namespace: crowdSpace, Name: crowdName}}
	if err := c.world.Client.Delete(ctx, gw); err != nil {
		return "", fmt.Errorf("delete the gateway: %w", err)
	}
	err = until(ctx, startPatience, func(ctx context.Context) error {
		pods := &corev1.PodList{}
		if err := c.world.Client.List(ctx, pods, client.InNamespace(crowdSpace), ofGateway(crowdName)); err != nil {
			return fmt.Errorf("list pods: %w", err)
		}
		if len(pods.Items) > 0 {
			return fmt.Errorf("%d pods are still there", len(pods.Items))
		}
		c.ledger.read(c.logs)
		return errors.Join(c.logs.problem(), c.ended())
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d connections within %s; before the end of its pod a log is verified on the node: %s",
		len(guests), ms(took), strings.Join(files, " ")), nil
}
