// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package argocd_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// acted is the gateway that actions are tried on. It has what Lua might spoil: an
// empty object, a fraction, a number as text.
const acted = "acted"

// actions runs the actions of config/argocd as the user interface does.
func (w *world) actions(t *testing.T) {
	t.Helper()
	file := filepath.Join(gatewaysFolder, acted+".yaml")
	w.repo.write(t, file, gatewayManifest(acted, "true"))
	commit := w.repo.commit(t, "a gateway for actions")
	w.settle(t, commit)
	started := w.moment(t)
	w.offered(t, "pause", "restart", "rotate-certificate")

	w.act(t, "pause")
	w.shows(t, "Suspended")
	w.offered(t, "resume")
	w.act(t, "resume")
	w.shows(t, "Healthy")

	pods := w.pods(t)
	w.act(t, "restart")
	w.stamped(t, "wsgateway.dev/restart", started)
	until(t, 3*time.Minute, func() error {
		if now := w.pods(t); len(now) != 1 || slices.Contains(pods, now[0]) {
			return fmt.Errorf("the pods were %q and are %q", pods, now)
		}
		return nil
	})
	w.shows(t, "Healthy")

	serial := w.serial(t, acted)
	w.act(t, "rotate-certificate")
	at := w.stamped(t, "wsgateway.dev/rotate-at", started)
	until(t, 2*time.Minute, func() error {
		o, err := w.kube.get(t.Context(), teamSpace, gatewaysKind, acted)
		if now := w.serial(t, acted); err == nil && (o.Status.LastRotation != at || now == serial || now == "") {
			err = fmt.Errorf("the gateway serves %q, before the rotation %q, and has handled %q of %q", now, serial, o.Status.LastRotation, at)
		}
		return err
	})
	w.settle(t, commit)
	for _, s := range w.watch.since(gateways, started) {
		if s.app.Status.Sync.Status != "Synced" {
			t.Errorf("an action made the application %s at %s", s.app.Status.Sync.Status, s.at)
		}
	}
	if begun := w.operations(gateways, started); begun != 0 {
		t.Errorf("the actions made Argo CD begin %d operations", begun)
	}
	if _, different := w.drift(t, gateways); len(different) > 0 {
		t.Errorf("the actions changed what is in the repository: %q", different)
	}
	w.repo.remove(t, file)
	w.settle(t, w.repo.commit(t, "without it"))
}

// pods are the names of the gateway's pods.
func (w *world) pods(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, o := range w.kube.list(t, teamSpace, "pods", "-l", "wsgateway.dev/gateway="+acted) {
		names = append(names, o.Metadata.Name)
	}
	return names
}

// stamped checks that an annotation has a time since a moment, and returns it.
func (w *world) stamped(t *testing.T, annotation string, since time.Time) string {
	t.Helper()
	o, err := w.kube.get(t.Context(), teamSpace, gatewaysKind, acted)
	if err != nil {
		t.Fatal(err)
	}
	value := o.Metadata.Annotations[annotation]
	if at, err := time.Parse(time.RFC3339, value); err != nil || at.Before(since.Truncate(time.Second)) {
		t.Errorf("%s is %q, %v", annotation, value, err)
	}
	return value
}

const query = "namespace=" + teamSpace + "&resourceName=" + acted + "&version=v1alpha1&group=wsgateway.dev&kind=" + kindGateway

// offered checks which actions are enabled.
func (w *world) offered(t *testing.T, want ...string) {
	t.Helper()
	until(t, time.Minute, func() error {
		var answer struct {
			Actions []struct {
				Name     string `json:"name"`
				Disabled bool   `json:"disabled"`
			} `json:"actions"`
		}
		if err := w.argo.call(t, gateways+"/resource/actions?"+query, nil, &answer); err != nil {
			return err
		}
		var enabled []string
		for _, a := range answer.Actions {
			if !a.Disabled {
				enabled = append(enabled, a.Name)
			}
		}
		slices.Sort(enabled)
		if !slices.Equal(enabled, want) {
			return fmt.Errorf("the actions %q are offered, want %q", enabled, want)
		}
		return nil
	})
}

func (w *world) act(t *testing.T, action string) {
	t.Helper()
	err := w.argo.call(t, gateways+"/resource/actions/v2", map[string]string{
		"namespace": teamSpace, "resourceName": acted, "version": "v1alpha1", "group": "wsgateway.dev", "kind": kindGateway, "action": action,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// shows waits until Argo CD says so of the gateway.
func (w *world) shows(t *testing.T, health string) {
	t.Helper()
	until(t, time.Minute, func() error {
		app, err := w.watch.last(gateways)
		if err != nil {
			return err
		}
		if r, _ := app.find(kindGateway, acted); r.Health.Status != health {
			return fmt.Errorf("the gateway is %s (%s), want %s", r.Health.Status, r.Health.Message, health)
		}
		return nil
	})
}
