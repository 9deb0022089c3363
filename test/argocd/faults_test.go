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

// degraded commits a gateway that the API server admits and the operator cannot
// serve.
func (w *world) degraded(t *testing.T) {
	t.Helper()
	const name = "broken"
	file := filepath.Join(gatewaysFolder, name+".yaml")
	w.repo.write(t, file, gatewayManifest(name, "identity.sub == 'ann'"))
	started := time.Now()
	w.repo.commit(t, "a gateway with a fault")
	w.refresh(t, "normal")
	var message string
	until(t, 2*time.Minute, func() error {
		app, err := w.watch.last(gateways)
		if err != nil {
			return err
		}
		r, ok := app.find(kindGateway, name)
		if !ok || r.Health.Status != "Degraded" || app.Status.Health.Status != "Degraded" || app.Status.Sync.Status != "Synced" {
			return fmt.Errorf("application is %s and %s, gateway: %v", app.Status.Sync.Status, app.Status.Health.Status, r)
		}
		message = r.Health.Message
		return nil
	})
	w.note("a broken gateway, from the commit to Degraded", time.Since(started).Round(time.Second))
	if want := w.stalled(t, gatewaysKind, name); message != want || !strings.Contains(message, "undefined field 'sub'") {
		t.Errorf("Argo CD says %q, the operator %q", message, want)
	}
	w.note("what Argo CD says of it", message)

	w.repo.write(t, file, gatewayManifest(name, "true"))
	w.settle(t, w.repo.commit(t, "the fault repaired"))
	w.repo.remove(t, file)
	w.settle(t, w.repo.commit(t, "without it"))
}

// stalled is the operator's message on an object of teamSpace for which waiting will
// not help.
func (w *world) stalled(t *testing.T, kind, name string) string {
	t.Helper()
	o, err := w.kube.get(t.Context(), teamSpace, kind, name)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range o.Status.Conditions {
		if c.Type == "Stalled" && c.Status == "True" {
			return c.Message
		}
	}
	t.Fatalf("%s %s is not stalled: %v", kind, name, o.Status)
	return ""
}

// selfHeals changes by hand what is in the repository, then what is the operator's.
func (w *world) selfHeals(t *testing.T) {
	t.Helper()
	commit := w.repo.git(t, "rev-parse", "HEAD")
	started := w.moment(t)
	w.kube.run(t, "patch", gatewaysKind, "edge", "-n", teamSpace, "--type=merge", "--patch", `{"spec":{"limits":{"idleTimeout":"1m"}}}`)
	until(t, 2*time.Minute, func() error {
		o, err := w.kube.get(t.Context(), teamSpace, gatewaysKind, "edge")
		if err == nil && o.Spec.Limits.IdleTimeout != "10m" {
			err = fmt.Errorf("idleTimeout is %s", o.Spec.Limits.IdleTimeout)
		}
		return err
	})
	w.note("a spec changed by hand, until it was put back", time.Since(started).Round(time.Second))
	w.settle(t, commit)
	w.pass(t, 15*time.Second)
	healed := w.operations(gateways, started)
	if healed != 1 {
		t.Errorf("Argo CD healed the spec %d times, want once", healed)
	}
	w.note("operations that it took", healed)

	deployments := w.kube.list(t, teamSpace, "deployments", "-l", "wsgateway.dev/gateway=edge")
	if len(deployments) != 1 {
		t.Fatalf("the gateway has %d Deployments", len(deployments))
	}
	name, wanted := deployments[0].Metadata.Name, deployments[0].Spec.Replicas
	started = w.moment(t)
	w.kube.run(t, "scale", "deployment", name, "-n", teamSpace, fmt.Sprintf("--replicas=%d", wanted-1))
	until(t, 2*time.Minute, func() error {
		o, err := w.kube.get(t.Context(), teamSpace, "deployments", name)
		if err == nil && (o.Spec.Replicas != wanted || o.Status.ReadyReplicas != wanted) {
			err = fmt.Errorf("Deployment %s has %d replicas, %d ready, want %d", name, o.Spec.Replicas, o.Status.ReadyReplicas, wanted)
		}
		return err
	})
	w.settle(t, commit)
	if begun := w.operations(gateways, started); begun != 0 {
		t.Errorf("Argo CD began %d operations for an object of the operator", begun)
	}
	if spec := w.specWrites(t); len(spec) > 0 {
		t.Errorf("the operator wrote into what is in the repository: %q", spec)
	}
}

// pass lets time pass in which nothing may happen.
func (*world) pass(t *testing.T, span time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
		t.Fatal(t.Context().Err())
	case <-time.After(span):
	}
}

// deleted removes the application of applications. The one of the operator has no
// finalizer, so the operator stays until its application is deleted with one.
func (w *world) deleted(t *testing.T) {
	t.Helper()
	chart := w.objectsOf(t, operator)
	w.kube.run(t, "delete", "applications.argoproj.io", root, "-n", space, "--timeout=5m")
	until(t, 2*time.Minute, func() error {
		names := w.kube.run(t, "get", "applications.argoproj.io", "-n", space, "-o", "name")
		spaces := w.kube.run(t, "get", "namespaces", "-o", "name")
		if names != "" || strings.Contains(spaces, "namespace/"+teamSpace+"\n") || strings.Contains(spaces, "namespace/"+appSpace+"\n") {
			return fmt.Errorf("there are still the applications %q and the namespaces %q", names, spaces)
		}
		return nil
	})
	if missing := w.missing(t, chart); len(missing) > 0 {
		t.Errorf("the operator's application had no finalizer, and yet these are gone: %v", missing)
	}

	file, again := filepath.Join(appsFolder, "operator.yaml"), time.Now()
	w.kube.apply(t, w.repo.read(t, file))
	w.kube.run(t, "patch", "applications.argoproj.io", operator, "-n", space, "--type=merge", "--patch",
		`{"metadata":{"finalizers":["resources-finalizer.argocd.argoproj.io"]}}`)
	commit := w.repo.git(t, "rev-parse", "HEAD")
	until(t, 3*time.Minute, func() error {
		if len(w.watch.since(operator, again)) == 0 {
			return errors.New("the operator's application has not been seen again")
		}
		return w.watch.settled(operator, commit)
	})
	w.kube.run(t, "delete", "applications.argoproj.io", operator, "-n", space, "--timeout=5m")

	var left []string
	until(t, 2*time.Minute, func() error {
		missing := w.missing(t, chart)
		left = nil
		var faults []error
		for _, r := range chart {
			switch {
			case r.Kind == "CustomResourceDefinition":
				left = append(left, r.String())
				if slices.Contains(missing, r) {
					faults = append(faults, fmt.Errorf("%s is gone, and with it every gateway of the cluster", r))
				}
			case !slices.Contains(missing, r):
				faults = append(faults, fmt.Errorf("%s is left", r))
			}
		}
		return errors.Join(faults...)
	})
	left = append(left, "Namespace/"+operatorSpace)
	for _, name := range w.kube.everything(t, operatorSpace) {
		if name != "Lease/websocket-gateway-operator" {
			t.Errorf("in namespace %s there is left: %s", operatorSpace, name)
		}
		left = append(left, name)
	}
	w.note("left of everything", strings.Join(left, ", "))
}

// objectsOf are the objects of an application.
func (w *world) objectsOf(t *testing.T, name string) []resource {
	t.Helper()
	app, err := w.watch.last(name)
	if err != nil || len(app.Status.Resources) == 0 {
		t.Fatalf("application %s has %d objects, %v", name, len(app.Status.Resources), err)
	}
	return app.Status.Resources
}

// missing returns those objects that do not exist.
func (w *world) missing(t *testing.T, all []resource) []resource {
	t.Helper()
	var gone []resource
	for _, r := range all {
		kind := r.Kind
		if r.Group != "" {
			kind += "." + r.Group
		}
		args := []string{"get", kind, r.Name, "--ignore-not-found", "-o", "name"}
		if r.Namespace != "" {
			args = append(args, "-n", r.Namespace)
		}
		if w.kube.run(t, args...) == "" {
			gone = append(gone, r)
		}
	}
	return gone
}
