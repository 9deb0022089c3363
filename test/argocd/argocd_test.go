// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package argocd_test

import (
	"os"
	"testing"
	"time"
)

// Names of config/argocd/examples.
const (
	space    = "argocd"
	root     = "websockets"
	operator = "websocket-gateway-operator"
	issuers  = "websocket-issuers"
	gateways = "websocket-gateways"

	teamSpace     = "chat"
	operatorSpace = "wsgateway-system"
)

// world is what the parts of the story share.
type world struct {
	kube  kubectl
	repo  *repository
	argo  *argo
	watch *watcher
	// audit is the API server's log of writes.
	audit string
	// quiet is how long everything must stay as it is, in all modes together.
	quiet   time.Duration
	figures []figure
}

// mode is a way of Argo CD to apply and to compare.
type mode struct {
	name                        string
	serverApply, serverSideDiff bool
}

func modes() []mode {
	return []mode{
		{"client-side-apply", false, false},
		{"server-side-apply", true, false},
		{"server-side-diff", true, true},
	}
}

// TestArgoCD tells one story, so its parts run in order and the first failure ends
// it. What was measured until then is reported all the same.
func TestArgoCD(t *testing.T) {
	w := begin(t)
	defer w.report(t)
	step(t, "Everything becomes Healthy, in the order of its waves", w.becomesHealthy)
	for _, m := range modes() {
		step(t, m.name+": a new gateway and its route are Progressing, then Healthy", w.in(m, w.created))
		step(t, m.name+": everything stays Synced", w.in(m, w.staysSynced))
		step(t, m.name+": a route that is changed by hand is put back", w.in(m, w.healsRoute))
		step(t, m.name+": a pruned gateway and its route leave the Secret of a certificate", w.in(m, w.pruned))
	}
	step(t, "A broken gateway is Degraded with the operator's message", w.degraded)
	step(t, "A route whose hostname another namespace holds is Degraded with the operator's message", w.degradedRoute)
	step(t, "Self-heal puts a spec back once, and leaves the operator's objects to it", w.selfHeals)
	step(t, "The actions do what they say, and nothing is out of sync", w.actions)
	step(t, "Deleting the applications leaves what is documented", w.deleted)
}

func step(t *testing.T, name string, run func(*testing.T)) {
	t.Helper()
	started := time.Now()
	if !t.Run(name, run) {
		t.FailNow()
	}
	t.Logf("%s: %s", name, time.Since(started).Round(time.Second))
}

// in is a step in a mode.
func (*world) in(m mode, run func(*testing.T, mode)) func(*testing.T) {
	return func(t *testing.T) {
		t.Helper()
		run(t, m)
	}
}

// begin starts Argo CD and gives it a repository.
func begin(t *testing.T) *world {
	t.Helper()
	quiet, err := time.ParseDuration(need(t, "WSGATEWAY_STEADY"))
	if err != nil || quiet < 10*time.Second {
		t.Fatalf("WSGATEWAY_STEADY must be a duration of 10s at least: %v", err)
	}
	w := &world{
		kube:  kubectl{kubeconfig: need(t, "KUBECONFIG")},
		audit: need(t, "WSGATEWAY_AUDIT_LOG"),
		quiet: quiet,
	}
	w.repo = newRepository(t)
	w.argo = startArgo(t, w.kube)
	w.watch = watchApplications(t, w.kube)
	return w
}

func need(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run this test by make test-argocd", name)
	}
	return value
}

// until asks until the answer is nil, and fails with the last one.
func until(t *testing.T, patience time.Duration, ask func() error) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		err := ask()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after %s: %v", patience, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(err)
		case <-time.After(250 * time.Millisecond):
		}
	}
}
