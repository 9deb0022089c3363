// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"crypto/x509"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
)

// Names in teams.yaml.
const (
	teamsSpace  = "teams"
	teamsName   = "teams"
	teamsHost   = "chat.teams.example.com"
	firstTeam   = "team-a"
	secondTeam  = "team-b"
	teamsRoute  = "chat"
	roomsPath   = "/rooms"
	archivePath = "/archive"
)

//go:embed teams.yaml
var teamsWorld []byte

// teamsGrant lets the first team use the Service of the second one.
const teamsGrant = `
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: archive-for-team-a, namespace: team-b}
spec:
  from: [{group: wsgateway.dev, kind: WebSocketRoute, namespace: team-a}]
  to: [{group: "", kind: Service, name: archive}]
`

// teams is the chapter about app teams, whose routes attach to the gateway of
// another namespace.
type teams struct {
	world    *World
	gateway  target
	admitted counter
	logs     *podLogs
	// guests are connected by each rule of the first team's route.
	guests party
}

// TeamsSteps is the chapter in order. Each step relies on those before it.
func (w *World) TeamsSteps() []Step {
	t := &teams{world: w}
	return []Step{
		{"A route of an app team attaches to a gateway of another namespace", t.attaches},
		{"A Service of another team is refused until a ReferenceGrant allows it", t.granted},
		{"A hostname that a team holds is no other team's, until it is given up", t.holds},
		{"The audit records name each team's route", t.recorded},
	}
}

// attaches begins with empty namespaces, so that the chapter can be told again.
func (t *teams) attaches(ctx context.Context) (string, error) {
	for _, space := range []string{teamsSpace, firstTeam, secondTeam} {
		if err := t.world.withoutSpace(ctx, space); err != nil {
			return "", err
		}
	}
	t.logs = t.world.follow(context.WithoutCancel(ctx), teamsSpace, ofGateway(teamsName))
	started := time.Now()
	if err := until(ctx, patience, func(ctx context.Context) error { return t.world.applyAll(ctx, teamsWorld) }); err != nil {
		return "", err
	}
	key := client.ObjectKey{Namespace: teamsSpace, Name: teamsName}
	if err := until(ctx, startPatience, func(ctx context.Context) error { return t.world.isCurrent(ctx, key) }); err != nil {
		return "", err
	}
	if err := t.find(ctx); err != nil {
		return "", err
	}
	// The rule that needs no grant serves beside the one that does.
	if err := until(ctx, startPatience, func(ctx context.Context) error { return t.enter(ctx, roomsPath) }); err != nil {
		return "", err
	}
	return fmt.Sprintf("a client's message came back from the team's Service %s after the manifests were applied", ms(time.Since(started))), nil
}

// find takes the address of the gateway's pod and its certificate, which is signed
// by itself.
func (t *teams) find(ctx context.Context) error {
	secret, err := t.world.issued(ctx, teamsSpace, "wsgw-"+teamsName+"."+ListenerPublic)
	if err != nil {
		return err
	}
	pods, err := t.world.pods(ctx, teamsSpace, ofGateway(teamsName))
	if err != nil || len(pods) != 1 {
		return fmt.Errorf("%d pods, want one: %w", len(pods), err)
	}
	t.gateway = target{address: net.JoinHostPort(pods[0].Status.PodIP, doorPort), roots: x509.NewCertPool(), admitted: &t.admitted}
	if !t.gateway.roots.AppendCertsFromPEM(secret.Data["tls.crt"]) {
		return errors.New("the listener's Secret holds no certificate")
	}
	return nil
}

func (t *teams) to(path string) attempt {
	return attempt{to: &t.gateway, serverName: teamsHost, path: path}
}

// enter opens a connection that stays.
func (t *teams) enter(ctx context.Context, path string) error {
	conn, _, err := t.world.dial(ctx, t.to(path))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	g := receive("a guest of "+path, conn)
	t.guests = append(t.guests, g)
	return t.all(ctx, (*guest).stays)
}

// says waits until the condition Ready of a route has a reason, and returns its
// message.
func (t *teams) says(ctx context.Context, namespace, name, reason string) (string, error) {
	var message string
	err := until(ctx, patience, func(ctx context.Context) error {
		route := &wsv1alpha1.WebSocketRoute{}
		if err := t.world.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, route); err != nil {
			return fmt.Errorf("get route: %w", err)
		}
		found := apimeta.FindStatusCondition(route.Status.Conditions, wsv1alpha1.ConditionReady)
		if found == nil || found.Reason != reason || found.ObservedGeneration != route.Generation {
			return fmt.Errorf("route %s/%s: condition Ready is %+v, want reason %s", namespace, name, found, reason)
		}
		message = found.Message
		return nil
	})
	return message, err
}

// granted gives and takes what lets the first team use the second one's Service.
func (t *teams) granted(ctx context.Context) (string, error) {
	refused := func() error {
		if _, err := t.says(ctx, firstTeam, teamsRoute, wsv1alpha1.ReasonRefNotPermitted); err != nil {
			return err
		}
		return until(ctx, patience, func(ctx context.Context) error {
			_, err := t.world.refused(ctx, t.to(archivePath), http.StatusServiceUnavailable)
			return err
		})
	}
	if err := refused(); err != nil {
		return "", err
	}
	began := time.Now()
	if err := t.world.applyAll(ctx, []byte(teamsGrant)); err != nil {
		return "", err
	}
	if _, err := t.says(ctx, firstTeam, teamsRoute, wsv1alpha1.ReasonReady); err != nil {
		return "", err
	}
	took := time.Since(began)
	if err := t.enter(ctx, archivePath); err != nil {
		return "", err
	}
	if err := t.withdraw(ctx); err != nil {
		return "", err
	}
	if err := refused(); err != nil {
		return "", err
	}
	// A grant is about new connections.
	if err := t.all(ctx, (*guest).stays); err != nil {
		return "", err
	}
	return fmt.Sprintf("HTTP 503 without it, in force %s after it was given, HTTP 503 when it was taken", ms(took)), nil
}

func (t *teams) withdraw(ctx context.Context) error {
	grant := &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{APIVersion: "gateway.networking.k8s.io/v1", Kind: "ReferenceGrant"},
		ObjectMeta: metav1.ObjectMeta{Namespace: secondTeam, Name: "archive-for-team-a"},
	}
	if err := t.world.Client.Delete(ctx, grant); err != nil {
		return fmt.Errorf("delete the grant: %w", err)
	}
	return nil
}

// holds has the second team claim the hostname of the first one, which then deletes
// its route.
func (t *teams) holds(ctx context.Context) (string, error) {
	claim := &wsv1alpha1.WebSocketRoute{
		ObjectMeta: metav1.ObjectMeta{Namespace: secondTeam, Name: "claim"},
		Spec: wsv1alpha1.WebSocketRouteSpec{
			ParentRefs: []wsv1alpha1.ParentReference{{Namespace: teamsSpace, Name: teamsName}},
			Hostnames:  []wsv1alpha1.Hostname{teamsHost},
			Rules: []wsv1alpha1.WebSocketRouteRule{{
				Name: "all", AuthPolicy: "guests", BackendRefs: []wsv1alpha1.BackendReference{{Name: "archive", Port: 8080}},
			}},
		},
	}
	if err := t.world.Client.Create(ctx, claim); err != nil {
		return "", fmt.Errorf("create the claim: %w", err)
	}
	message, err := t.says(ctx, secondTeam, claim.Name, wsv1alpha1.ReasonHostnameConflict)
	if err != nil {
		return "", err
	}
	if strings.Contains(message, firstTeam) {
		return "", fmt.Errorf("the message names what belongs to the other team: %s", message)
	}
	// A path that nobody serves yet is not the claimant's either.
	if _, err := t.world.refused(ctx, t.to("/"), http.StatusNotFound); err != nil {
		return "", err
	}
	if err := t.all(ctx, (*guest).stays); err != nil {
		return "", err
	}
	held := &wsv1alpha1.WebSocketRoute{ObjectMeta: metav1.ObjectMeta{Namespace: firstTeam, Name: teamsRoute}}
	if err := t.world.Client.Delete(ctx, held); err != nil {
		return "", fmt.Errorf("delete the first team's route: %w", err)
	}
	closed := func(g *guest, ctx context.Context) error { return g.goes(ctx, websocket.CloseGoingAway) }
	if err := t.all(ctx, closed); err != nil {
		return "", err
	}
	t.guests = nil
	if _, err := t.says(ctx, secondTeam, claim.Name, wsv1alpha1.ReasonReady); err != nil {
		return "", err
	}
	if err := t.enter(ctx, "/"); err != nil {
		return "", err
	}
	t.guests.leave()
	return message, nil
}

// all holds every guest against an expectation, in bounded time.
func (t *teams) all(ctx context.Context, expect func(*guest, context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("waited long enough"))
	defer cancel()
	var problems []error
	for _, g := range t.guests {
		problems = append(problems, expect(g, ctx))
	}
	return first(problems)
}

func (t *teams) recorded(ctx context.Context) (string, error) {
	want := []string{firstTeam + "/chat/archive", firstTeam + "/chat/rooms", secondTeam + "/claim/all"}
	var sums ledger
	err := until(ctx, patience, func(context.Context) error {
		found := records(t.logs.all())
		sums = newLedger(found)
		routes := map[string]bool{}
		for _, record := range found {
			if record.Event == audit.EventOpened {
				routes[record.Route] = true
			}
		}
		if got := slices.Sorted(maps.Keys(routes)); !slices.Equal(got, want) {
			return fmt.Errorf("connections were opened by the routes %q, want %q", got, want)
		}
		return sums.complete(t.admitted.get())
	})
	return fmt.Sprintf("%d connections by %s; %d denied records", len(sums.opened), strings.Join(want, ", "), sums.denied), err
}
