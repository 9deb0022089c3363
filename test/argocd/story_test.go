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

// Our kinds, as Argo CD names them.
const (
	kindGateway = "WebSocketGateway"
	kindRoute   = "WebSocketRoute"
)

// applications are all, in the order of their waves.
func applications() []string { return []string{operator, issuers, gateways} }

// becomesHealthy applies the one application that holds the others.
func (w *world) becomesHealthy(t *testing.T) {
	t.Helper()
	started := time.Now()
	w.kube.run(t, "apply", "-f", filepath.Join(w.repo.folder, examplesFolder, "root.yaml"))
	w.settle(t, w.repo.git(t, "rev-parse", "HEAD"))
	w.note("chart and gateways, from nothing to Healthy", time.Since(started).Round(time.Second))

	for i, later := range applications()[1:] {
		earlier := applications()[i]
		healthy, ok := w.first(earlier, started, func(a *application) bool { return a.Status.Health.Status == "Healthy" })
		if !ok {
			t.Fatalf("%s was never seen Healthy", earlier)
		}
		created, ok := w.first(later, started, func(*application) bool { return true })
		if !ok || created.Before(healthy) {
			t.Errorf("%s was created at %s, before %s was Healthy at %s", later, created, earlier, healthy)
		}
	}
	w.wasProgressing(t, "edge", started)
}

// first is when an Application was first seen in some state since a moment.
func (w *world) first(name string, since time.Time, is func(*application) bool) (time.Time, bool) {
	for _, s := range w.watch.since(name, since) {
		if is(&s.app) {
			return s.at, true
		}
	}
	return time.Time{}, false
}

// wasProgressing checks that a gateway was not called Healthy before it was.
func (w *world) wasProgressing(t *testing.T, gateway string, since time.Time) {
	t.Helper()
	if states := w.states(kindGateway, gateway, since); !slices.Equal(states, []string{"Progressing", "Healthy"}) {
		t.Errorf("gateway %s was %q, want Progressing and then Healthy", gateway, states)
	}
}

// states are what Argo CD has called an object, one after the other.
func (w *world) states(kind, name string, since time.Time) []string {
	var states []string
	for _, s := range w.watch.since(gateways, since) {
		// Missing is what Argo CD says before it has made the object.
		if r, ok := s.app.find(kind, name); ok && r.Health.Status != "" && r.Health.Status != "Missing" {
			states = append(states, r.Health.Status)
		}
	}
	return slices.Compact(states)
}

// settle has Argo CD look at the repository, and waits until everything is Synced
// with a commit and Healthy.
func (w *world) settle(t *testing.T, commit string) {
	t.Helper()
	asked := time.Time{}
	until(t, 6*time.Minute, func() error {
		// Argo CD takes the annotation away when it has looked, and with it one that
		// came in the meantime: so it is asked again.
		if time.Since(asked) > 5*time.Second {
			w.refresh(t, "normal")
			asked = time.Now()
		}
		var faults []error
		for _, name := range append([]string{root}, applications()...) {
			faults = append(faults, w.watch.settled(name, commit))
		}
		return errors.Join(faults...)
	})
}

// refresh has Argo CD compare now, normal or hard: without its caches.
func (w *world) refresh(t *testing.T, how string) {
	t.Helper()
	names := strings.Fields(w.kube.run(t, "get", "applications.argoproj.io", "-n", space, "-o", "name"))
	args := append([]string{"annotate", "-n", space, "--overwrite"}, names...)
	w.kube.run(t, append(args, "argocd.argoproj.io/refresh="+how)...)
}

func (w *world) created(t *testing.T, m mode) {
	t.Helper()
	w.repo.setMode(t, m)
	w.settle(t, w.repo.commit(t, "apply and compare by "+m.name))
	started := time.Now()
	w.repo.write(t, w.fileOf(m), gatewayManifest(m.name, "true")+routeManifest(appSpace, m.name, m.name, "help"))
	w.settle(t, w.repo.commit(t, "a gateway and a team's route by "+m.name))
	w.note(m.name+": a new gateway and a team's route, from the commit to Healthy", time.Since(started).Round(time.Second))
	w.wasProgressing(t, m.name, started)
	w.wasReady(t, m.name, started)
}

func (*world) fileOf(m mode) string { return filepath.Join(gatewaysFolder, m.name+".yaml") }

func (w *world) staysSynced(t *testing.T, m mode) {
	t.Helper()
	started := w.moment(t)
	w.renew(t, m.name)
	w.moveEndpoints(t, teamSpace)
	w.moveEndpoints(t, appSpace)
	for i := 0; time.Since(started) < w.quiet/time.Duration(len(modes())); i++ {
		w.refresh(t, []string{"normal", "normal", "hard"}[i%3])
		select {
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-time.After(5 * time.Second):
		}
	}
	spent := time.Since(started).Round(time.Second)

	flips, compared := 0, 0
	for _, name := range append([]string{root}, applications()...) {
		for _, s := range w.watch.since(name, started) {
			compared++
			if s.app.Status.Sync.Status != "Synced" {
				flips++
				t.Errorf("%s was %s at %s: %v", name, s.app.Status.Sync.Status, s.at, s.app.Status.Resources)
			}
			for _, kind := range []string{kindGateway, kindRoute} {
				if r, ok := s.app.find(kind, m.name); ok && r.Health.Status != "Healthy" {
					t.Errorf("%s %s was %s at %s: %s", kind, m.name, r.Health.Status, s.at, r.Health.Message)
				}
			}
		}
		if begun := w.operations(name, started); begun != 0 {
			t.Errorf("%s began %d operations while nothing was committed", name, begun)
		}
	}
	if compared == 0 {
		t.Error("Argo CD has compared nothing")
	}
	w.note(fmt.Sprintf("%s: OutOfSync flips in %s with a renewal and moved endpoints, %d reports", m.name, spent, compared), flips)

	fields, drifted := 0, 0
	for _, name := range applications() {
		all, different := w.drift(t, name)
		fields, drifted = fields+all, drifted+len(different)
		for _, d := range different {
			t.Errorf("%s: %s", name, d)
		}
	}
	w.note(fmt.Sprintf("%s: drifted fields of %d in the repository", m.name, fields), drifted)

	writes := w.writesBy(t, account, started)
	if len(writes) > 0 {
		t.Errorf("Argo CD wrote %q while nothing was committed", writes)
	}
	w.note(m.name+": writes of Argo CD to the cluster in that time", len(writes))
}

// moment is now, and in another second than whatever happened before: Argo CD writes
// down the second in which an operation began.
func (w *world) moment(t *testing.T) time.Time {
	t.Helper()
	w.pass(t, time.Second)
	return time.Now()
}

// operations counts those that an Application began since a moment.
func (w *world) operations(name string, since time.Time) int {
	seen := map[string]bool{}
	for _, s := range w.watch.since(name, since) {
		began, err := time.Parse(time.RFC3339, s.app.Status.OperationState.StartedAt)
		if err == nil && !began.Before(since.Truncate(time.Second)) {
			seen[s.app.Status.OperationState.StartedAt] = true
		}
	}
	return len(seen)
}

// renew has cert-manager issue a gateway's certificate anew, and waits until it is
// the one that is served.
func (w *world) renew(t *testing.T, gateway string) {
	t.Helper()
	before := w.serial(t, gateway)
	certificates := w.kube.list(t, teamSpace, "certificates.cert-manager.io", "-l", "wsgateway.dev/gateway="+gateway)
	if len(certificates) != 1 {
		t.Fatalf("gateway %s has %d certificates", gateway, len(certificates))
	}
	w.kube.run(t, "patch", "certificates.cert-manager.io", certificates[0].Metadata.Name, "-n", teamSpace, "--subresource=status", "--type=json",
		"--patch", fmt.Sprintf(`[{"op":"add","path":"/status/conditions/-","value":{"type":"Issuing","status":"True","reason":"ManuallyTriggered",`+
			`"message":"a test","lastTransitionTime":%q}}]`, time.Now().UTC().Format(time.RFC3339)))
	until(t, 2*time.Minute, func() error {
		if now := w.serial(t, gateway); now == before || now == "" {
			return fmt.Errorf("gateway %s serves %q, as before the renewal", gateway, now)
		}
		return nil
	})
}

// serial is the number of the certificate that a gateway serves.
func (w *world) serial(t *testing.T, gateway string) string {
	t.Helper()
	o, err := w.kube.get(t.Context(), teamSpace, gatewaysKind, gateway)
	if err != nil || len(o.Status.Listeners) == 0 || o.Status.Listeners[0].Certificate.ServedBy == 0 {
		return ""
	}
	return o.Status.Listeners[0].Certificate.SerialNumber
}

// moveEndpoints replaces a pod of a namespace's backend.
func (w *world) moveEndpoints(t *testing.T, namespace string) {
	t.Helper()
	pods := w.kube.list(t, namespace, "pods", "-l", "app=echo")
	if len(pods) == 0 {
		t.Fatalf("the backend in %s has no pods", namespace)
	}
	w.kube.run(t, "delete", "pod", "-n", namespace, pods[0].Metadata.Name)
	until(t, 2*time.Minute, func() error {
		o, err := w.kube.get(t.Context(), namespace, "deployments", "echo")
		if err == nil && o.Status.ReadyReplicas != o.Spec.Replicas {
			err = fmt.Errorf("%d of %d pods of the backend are ready", o.Status.ReadyReplicas, o.Spec.Replicas)
		}
		return err
	})
}

// pruned takes the gateway and the route of a mode out of the repository. What the
// operator made goes with them; the Secret is cert-manager's, and docs/security.md
// says so.
func (w *world) pruned(t *testing.T, m mode) {
	t.Helper()
	w.repo.remove(t, w.fileOf(m))
	w.settle(t, w.repo.commit(t, "without the gateway by "+m.name))
	left := w.gone(t, m.name)
	if len(left) != 1 {
		t.Errorf("of the pruned gateway there are left: %q", left)
	}
	w.note(m.name+": left of a pruned gateway and route", strings.Join(left, ", "))
}
