// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pause lies between two measured changes: a kubelet syncs a pod about once a
// second, so that changes on each other's heels would measure the queue.
const pause = 1500 * time.Millisecond

// renewals is how often RenewOften renews: enough for a median, few enough for
// every run of the tests.
const renewals = 10

// RenewOften measures how long a renewal takes from the wish to the status that
// says every pod serves the new certificate. cert-manager's own work, about half
// a second, is part of it.
func (w *World) RenewOften(ctx context.Context) (string, error) {
	var took []time.Duration
	for range renewals {
		if err := sleep(ctx, pause); err != nil {
			return "", err
		}
		d, err := w.Renew(ctx)
		if err != nil {
			return "", err
		}
		took = append(took, d)
	}
	return summary("renewals", took), nil
}

// changes is how often ChangeOften changes the spec.
const changes = 30

// ChangeOften measures how long a change of the spec takes from the write until
// the status says that every ready pod reports it.
func (w *World) ChangeOften(ctx context.Context) (string, error) {
	original, err := w.Gateway(ctx)
	if err != nil {
		return "", err
	}
	var took []time.Duration
	for i := range changes {
		if err := sleep(ctx, pause); err != nil {
			return "", err
		}
		limit := int64(1<<20 + 1 + i%2)
		d, err := w.changeLimit(ctx, limit)
		if err != nil {
			return "", err
		}
		took = append(took, d)
	}
	if _, err := w.changeLimit(ctx, *original.Spec.Limits.MaxMessageBytes); err != nil {
		return "", err
	}
	return summary("changes of the spec", took), nil
}

func (w *World) changeLimit(ctx context.Context, limit int64) (time.Duration, error) {
	gw, err := w.Gateway(ctx)
	if err != nil {
		return 0, err
	}
	changed := gw.DeepCopy()
	changed.Spec.Limits.MaxMessageBytes = &limit
	start := time.Now()
	if err := w.Client.Patch(ctx, changed, client.MergeFrom(gw)); err != nil {
		return 0, fmt.Errorf("change a limit: %w", err)
	}
	err = until(ctx, 30*time.Second, w.programmed(changed.Generation))
	return time.Since(start), err
}

func summary(what string, took []time.Duration) string {
	slices.Sort(took)
	return fmt.Sprintf("%d %s: median %s, maximum %s", len(took), what,
		took[len(took)/2].Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
}

// Quiet waits, then counts in the API server's audit log what the operator wrote
// in that time besides its lease.
func (w *World) Quiet(ctx context.Context, auditLog string, span time.Duration) (string, error) {
	// What the steps before have set off may settle first.
	if err := sleep(ctx, 15*time.Second); err != nil {
		return "", err
	}
	from := time.Now()
	if err := sleep(ctx, span); err != nil {
		return "", err
	}
	writes, leases, err := operatorWrites(auditLog, from)
	if err != nil {
		return "", err
	}
	if len(writes) > 0 {
		return "", fmt.Errorf("%d writes in %s: %s", len(writes), span, strings.Join(writes, "; "))
	}
	if leases == 0 {
		return "", fmt.Errorf("not even a lease was written in %s: the audit log %s shows nothing of the operator", span, auditLog)
	}
	return fmt.Sprintf("0 writes in %s besides %d of the lease", span, leases), nil
}

func sleep(ctx context.Context, span time.Duration) error {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait: %w", context.Cause(ctx))
	case <-timer.C:
		return nil
	}
}

// auditEvent is the part of an API server's audit event that tells writes.
type auditEvent struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	ObjectRef struct {
		Resource, Subresource, Namespace, Name string
	} `json:"objectRef"`
	RequestReceived time.Time `json:"requestReceivedTimestamp"`
}

// operatorWrites lists the operator's writes since a time, leases only counted.
func operatorWrites(file string, since time.Time) (writes []string, leases int, err error) {
	log, err := os.Open(file)
	if err != nil {
		return nil, 0, fmt.Errorf("read the API server's audit log: %w", err)
	}
	defer func() { _ = log.Close() }()
	user := "system:serviceaccount:" + OperatorSpace + ":"
	scanner := bufio.NewScanner(log)
	scanner.Buffer(make([]byte, 64<<10), 4<<20)
	for scanner.Scan() {
		var event auditEvent
		if json.Unmarshal(scanner.Bytes(), &event) != nil {
			continue // The line that is being written now.
		}
		read := event.Verb == "get" || event.Verb == "list" || event.Verb == "watch"
		if read || !strings.HasPrefix(event.User.Username, user) || event.RequestReceived.Before(since) {
			continue
		}
		if event.ObjectRef.Resource == "leases" {
			leases++
			continue
		}
		writes = append(writes, fmt.Sprintf("%s %s/%s %s/%s", event.Verb, event.ObjectRef.Resource,
			event.ObjectRef.Subresource, event.ObjectRef.Namespace, event.ObjectRef.Name))
	}
	if err := scanner.Err(); err != nil {
		return nil, 0, fmt.Errorf("read the API server's audit log: %w", err)
	}
	return writes, leases, nil
}
