// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package argocd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"
)

// application is the part of an Application that the test reads.
type application struct {
	Metadata struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Status struct {
		Sync struct {
			Status   string `json:"status"`
			Revision string `json:"revision"`
		} `json:"sync"`
		Health struct {
			Status string `json:"status"`
		} `json:"health"`
		Resources  []resource `json:"resources"`
		Conditions []struct {
			Type    string `json:"type"`
			Message string `json:"message"`
		} `json:"conditions"`
		OperationState struct {
			Phase     string `json:"phase"`
			StartedAt string `json:"startedAt"`
			Message   string `json:"message"`
		} `json:"operationState"`
	} `json:"status"`
}

// resource is what an Application says of one of its objects.
type resource struct {
	Group     string `json:"group"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	Health    struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	} `json:"health"`
}

func (r resource) String() string { return r.Kind + "/" + r.Name }

// sighting is one state of an Application, in the order in which they came.
type sighting struct {
	at  time.Time
	app application
}

// watcher sees every change of every Application.
type watcher struct {
	mu   sync.Mutex
	seen map[string][]sighting
}

func watchApplications(t *testing.T, k kubectl) *watcher {
	t.Helper()
	w := &watcher{seen: map[string][]sighting{}}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			w.follow(ctx, k)
			select {
			case <-ctx.Done():
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return w
}

// follow reads what kubectl sees until that ends, as the API server ends every
// watch after some time.
func (w *watcher) follow(ctx context.Context, k kubectl) {
	command := k.command(ctx, "get", "applications.argoproj.io", "-n", space, "--watch", "--output-watch-events", "-o", "json")
	out, err := command.StdoutPipe()
	if err != nil || command.Start() != nil {
		return
	}
	defer func() { _ = command.Wait() }()
	decoder := json.NewDecoder(out)
	for {
		var event struct {
			Type   string      `json:"type"`
			Object application `json:"object"`
		}
		if err := decoder.Decode(&event); err != nil {
			_, _ = io.Copy(io.Discard, out)
			return
		}
		if event.Type == "ADDED" || event.Type == "MODIFIED" {
			w.mu.Lock()
			name := event.Object.Metadata.Name
			w.seen[name] = append(w.seen[name], sighting{time.Now(), event.Object})
			w.mu.Unlock()
		}
	}
}

// since returns what was seen of an Application since a moment.
func (w *watcher) since(name string, moment time.Time) []sighting {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range w.seen[name] {
		if s.at.After(moment) {
			return append([]sighting(nil), w.seen[name][i:]...)
		}
	}
	return nil
}

// last is the latest state of an Application.
func (w *watcher) last(name string) (application, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.seen[name]
	if len(all) == 0 {
		return application{}, fmt.Errorf("application %s has not been seen", name)
	}
	return all[len(all)-1].app, nil
}

// settled is nil when an Application is Synced with a commit and Healthy, and its
// last operation, if there was any, has ended well.
func (w *watcher) settled(name, commit string) error {
	app, err := w.last(name)
	if err != nil {
		return err
	}
	s := app.Status
	done := s.OperationState.Phase == "Succeeded" || s.OperationState.Phase == ""
	if s.Sync.Status != "Synced" || s.Sync.Revision != commit || s.Health.Status != "Healthy" || !done {
		return fmt.Errorf("application %s is %s with %q and %s; its last operation: %s (%s); resources: %v; conditions: %v", name, s.Sync.Status,
			s.Sync.Revision, s.Health.Status, s.OperationState.Phase, s.OperationState.Message, s.Resources, s.Conditions)
	}
	return nil
}

// find returns what an Application says of an object.
func (a *application) find(kind, name string) (resource, bool) {
	for _, r := range a.Status.Resources {
		if r.Kind == kind && r.Name == name {
			return r, true
		}
	}
	return resource{}, false
}
