// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package argocd_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// appSpace is the namespace of an app team, whose routes attach to gateways in
// teamSpace.
const appSpace = "support"

// Kinds as kubectl is asked for them.
const (
	gatewaysKind = "websocketgateways.wsgateway.dev"
	routesKind   = "websocketroutes.wsgateway.dev"
)

// teamFile is what the app team has beside its routes.
var teamFile = filepath.Join(gatewaysFolder, "team.yaml")

// addTeam puts the namespace of an app team with its own backend into the repository.
func (r *repository) addTeam(t *testing.T) {
	t.Helper()
	var manifests []string
	for _, sample := range []string{"00-namespace.yaml", "10-echo.yaml"} {
		content := r.read(t, filepath.Join(gatewaysFolder, sample))
		for _, field := range []string{"name: ", "namespace: "} {
			content = strings.ReplaceAll(content, field+teamSpace+"\n", field+appSpace+"\n")
		}
		if strings.Contains(content, teamSpace) || !strings.Contains(content, appSpace) {
			t.Fatalf("%s is not about namespace %s only", sample, teamSpace)
		}
		manifests = append(manifests, content)
	}
	r.write(t, teamFile, strings.Join(manifests, "---\n"))
}

// routeManifest is a route of a namespace to the backend there, at a gateway of
// gatewayManifest and below its hostname.
func routeManifest(namespace, name, gateway, hostname string) string {
	return fmt.Sprintf(`---
apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketRoute
metadata: {name: %[2]s, namespace: %[1]s}
spec:
  parentRefs: [{name: %[3]s, namespace: %[5]s, sectionName: public}]
  hostnames: [%[4]s.%[3]s.example.com]
  rules:
  - name: all
    path: {value: /}
    authPolicy: guests
    subprotocols: [chat]
    backendRefs: [{name: echo, port: 8080, weight: 1}]
`, namespace, name, gateway, hostname, teamSpace)
}

// wasReady checks that a route of the app team was not called Healthy before it was. It
// may be served before Argo CD looks for the first time, so that it need not have been
// seen as Progressing.
func (w *world) wasReady(t *testing.T, name string, since time.Time) {
	t.Helper()
	states := w.states(kindRoute, name, since)
	if !slices.Equal(states, []string{"Healthy"}) && !slices.Equal(states, []string{"Progressing", "Healthy"}) {
		t.Errorf("route %s was %q, want Healthy and at most Progressing before that", name, states)
	}
	healthy, ok := w.first(gateways, since, func(a *application) bool {
		r, found := a.find(kindRoute, name)
		return found && r.Health.Status == "Healthy"
	})
	o, err := w.kube.get(t.Context(), appSpace, routesKind, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range o.Status.Conditions {
		if c.Type == "Ready" && c.Status == "True" && ok && !healthy.Before(c.LastTransitionTime) {
			return
		}
	}
	t.Errorf("route %s was called Healthy at %s, and its conditions are %v", name, healthy, o.Status.Conditions)
}

// degradedRoute commits a route whose hostname another namespace holds.
func (w *world) degradedRoute(t *testing.T) {
	t.Helper()
	const gateway, late = "contested", "late"
	holder, latecomer := filepath.Join(gatewaysFolder, "contested.yaml"), filepath.Join(gatewaysFolder, "late.yaml")
	w.repo.write(t, holder, gatewayManifest(gateway, "true")+routeManifest(appSpace, gateway, gateway, "help"))
	w.settle(t, w.repo.commit(t, "a gateway, and a route that holds a hostname"))

	w.repo.write(t, latecomer, routeManifest(teamSpace, late, gateway, "help"))
	started := time.Now()
	w.repo.commit(t, "a route that wants the same hostname")
	w.refresh(t, "normal")
	var message string
	until(t, 2*time.Minute, func() error {
		app, err := w.watch.last(gateways)
		if err != nil {
			return err
		}
		bad, ok := app.find(kindRoute, late)
		if !ok || bad.Health.Status != "Degraded" || app.Status.Health.Status != "Degraded" || app.Status.Sync.Status != "Synced" {
			return fmt.Errorf("application is %s and %s, route: %v", app.Status.Sync.Status, app.Status.Health.Status, bad.Health)
		}
		message = bad.Health.Message
		return nil
	})
	w.note("a route with a hostname of another namespace, from the commit to Degraded", time.Since(started).Round(time.Second))
	if want := w.stalled(t, routesKind, late); message != want || strings.Contains(message, appSpace) {
		t.Errorf("Argo CD says %q, the operator %q, and neither may name %s", message, want, appSpace)
	}
	w.note("what Argo CD says of it", message)
	for _, s := range w.watch.since(gateways, started) {
		for _, other := range []string{kindRoute, kindGateway} {
			if r, ok := s.app.find(other, gateway); !ok || r.Health.Status != "Healthy" {
				t.Errorf("a route that was refused made %s %s of somebody else %s: %s", other, gateway, r.Health.Status, r.Health.Message)
			}
		}
	}

	w.repo.write(t, latecomer, routeManifest(teamSpace, late, gateway, "desk"))
	w.settle(t, w.repo.commit(t, "a hostname of its own"))
	w.repo.remove(t, latecomer)
	w.repo.remove(t, holder)
	w.settle(t, w.repo.commit(t, "without both"))
	w.gone(t, gateway, late)
}

// healsRoute changes a route of the app team by hand: a field of the repository, then
// what lists of the repository hold.
func (w *world) healsRoute(t *testing.T, m mode) {
	t.Helper()
	for _, change := range []struct{ what, operations string }{
		{"a field", `{"op":"replace","path":"/spec/rules/0/path/value","value":"/by-hand"}`},
		{
			"entries of lists", `{"op":"add","path":"/spec/hostnames/-","value":"by-hand.` + m.name + `.example.com"},` +
				`{"op":"add","path":"/spec/rules/-","value":{"name":"by-hand","path":{"value":"/by-hand"},"authPolicy":"guests",` +
				`"backendRefs":[{"name":"echo","port":8080,"weight":1}]}}`,
		},
	} {
		commit, started := w.repo.git(t, "rev-parse", "HEAD"), w.moment(t)
		before := w.routeSpec(t, m.name)
		w.patchRoute(t, m.name, change.operations)
		w.putBack(t, m.name, before)
		w.note(m.name+": "+change.what+" of a route changed by hand, until put back", time.Since(started).Round(time.Second))
		w.settle(t, commit)
		if healed := w.operations(gateways, started); healed != 1 {
			t.Errorf("Argo CD healed %s of the route %d times, want once", change.what, healed)
		}
	}
}

// routeSpec is the spec of a route of the app team, as text.
func (w *world) routeSpec(t *testing.T, name string) string {
	t.Helper()
	return w.kube.run(t, "get", routesKind, name, "-n", appSpace, "-o", "jsonpath={.spec}")
}

func (w *world) patchRoute(t *testing.T, name, operations string) {
	t.Helper()
	w.kube.run(t, "patch", routesKind, name, "-n", appSpace, "--type=json", "--patch", "["+operations+"]")
}

// putBack waits until a route has a spec again.
func (w *world) putBack(t *testing.T, name, spec string) {
	t.Helper()
	until(t, 2*time.Minute, func() error {
		if now := w.routeSpec(t, name); now != spec {
			return fmt.Errorf("the spec of route %s is %s, and %s in the repository", name, now, spec)
		}
		return nil
	})
}

// gone waits until nothing of these names is left in both namespaces but the Secrets
// of certificates, and returns those.
func (w *world) gone(t *testing.T, names ...string) []string {
	t.Helper()
	var left []string
	until(t, 2*time.Minute, func() error {
		left = nil
		var faults []error
		for _, namespace := range []string{teamSpace, appSpace} {
			for _, object := range w.kube.everything(t, namespace) {
				named := slices.ContainsFunc(names, func(name string) bool { return strings.Contains(object, name) })
				switch {
				case !named:
				case namespace == teamSpace && strings.HasPrefix(object, "Secret/"):
					left = append(left, object)
				default:
					faults = append(faults, fmt.Errorf("in %s there is left: %s", namespace, object))
				}
			}
		}
		return errors.Join(faults...)
	})
	return left
}
