// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/verify"
)

// collector collects logs until it is stopped.
type collector interface{ stop() }

// podLogs follows the logs of some pods from the beginning of the story, so that
// what a deleted pod wrote is not lost.
type podLogs struct {
	namespace string
	labels    client.MatchingLabels
	// since is where to begin; nil for the beginning of the pod.
	since  *metav1.Time
	cancel context.CancelFunc
	done   sync.WaitGroup

	mu       sync.Mutex
	followed map[string]bool
	lines    []string
}

// follow starts to collect what pods write from now on. The context bounds the
// collecting, as does Close.
func (w *World) follow(ctx context.Context, namespace string, labels client.MatchingLabels) *podLogs {
	now := metav1.Now()
	return w.followSince(ctx, &now, namespace, labels)
}

func (w *World) followSince(ctx context.Context, since *metav1.Time, namespace string, labels client.MatchingLabels) *podLogs {
	ctx, cancel := context.WithCancel(ctx)
	logs := &podLogs{namespace: namespace, labels: labels, since: since, cancel: cancel, followed: map[string]bool{}}
	w.collected = append(w.collected, logs)
	logs.done.Go(func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			logs.discover(ctx, w)
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
	})
	return logs
}

func (l *podLogs) discover(ctx context.Context, w *World) {
	pods, err := w.pods(ctx, l.namespace, l.labels)
	if err != nil {
		return // The next tick asks again.
	}
	for i := range pods {
		pod := &pods[i]
		running := len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].State.Running != nil
		l.mu.Lock()
		known := l.followed[pod.Name]
		l.followed[pod.Name] = known || running
		l.mu.Unlock()
		if running && !known {
			l.done.Go(func() { l.read(ctx, w, pod.Name) })
		}
	}
}

func (l *podLogs) read(ctx context.Context, w *World, pod string) {
	options := &corev1.PodLogOptions{Follow: true, SinceTime: l.since}
	request := w.Clientset.CoreV1().Pods(l.namespace).GetLogs(pod, options)
	stream, err := request.Stream(ctx)
	if err != nil {
		l.add(fmt.Sprintf("cannot follow the log of pod %s: %v", pod, err))
		return
	}
	defer func() { _ = stream.Close() }()
	scanner := bufio.NewScanner(stream)
	scanner.Buffer(make([]byte, 64<<10), 1<<20)
	for scanner.Scan() {
		l.add(scanner.Text())
	}
}

func (l *podLogs) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

func (l *podLogs) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.lines...)
}

// stop ends the collecting.
func (l *podLogs) stop() {
	l.cancel()
	l.done.Wait()
}

// records returns the audit records among the lines.
func records(lines []string) []*audit.Record {
	var found []*audit.Record
	for _, line := range lines {
		if record, err := audit.Parse([]byte(line)); err == nil {
			found = append(found, record)
		}
	}
	return found
}

// ledger sums up the audit records of all pods.
type ledger struct {
	opened, closed map[string]int
	denied, gaps   int
}

func newLedger(found []*audit.Record) ledger {
	sums := ledger{opened: map[string]int{}, closed: map[string]int{}}
	for _, record := range found {
		id := record.BootID + "/" + record.ConnectionID
		switch record.Event {
		case audit.EventOpened:
			sums.opened[id]++
		case audit.EventClosed:
			sums.closed[id]++
		case audit.EventDenied:
			sums.denied++
		case audit.EventGap:
			sums.gaps++
		case audit.EventProgress, audit.EventViolation, audit.EventRevoked, audit.EventApplied, audit.EventRotated, audit.EventCheckpoint,
			audit.EventAdministered:
		}
	}
	return sums
}

// complete fails unless each admitted connection has exactly one record of its
// beginning and one of its end.
func (s ledger) complete(admitted int64) error {
	var problems []error
	if int64(len(s.opened)) != admitted {
		problems = append(problems, fmt.Errorf("%d connections have an opened record, %d were admitted", len(s.opened), admitted))
	}
	for id, n := range s.opened {
		if n != 1 || s.closed[id] != 1 {
			problems = append(problems, fmt.Errorf("connection %s: %d opened, %d closed", id, n, s.closed[id]))
		}
	}
	for id := range s.closed {
		if s.opened[id] == 0 {
			problems = append(problems, fmt.Errorf("connection %s: closed without opened", id))
		}
	}
	if s.gaps > 0 {
		problems = append(problems, fmt.Errorf("%d gap records", s.gaps))
	}
	if len(problems) > 3 {
		problems = append(problems[:3], fmt.Errorf("and %d more", len(problems)-3))
	}
	return errors.Join(problems...)
}

// unbroken fails where the records of a pod do not follow each other as they were
// written. The story may have come in the middle of a pod's life, and leave it so.
func unbroken(lines []string) error {
	verifier := verify.New(verify.Options{Partial: true})
	if err := verifier.Read("the pods' logs", strings.NewReader(strings.Join(lines, "\n")+"\n")); err != nil {
		return err
	}
	report := verifier.Report()
	if len(report.Streams) == 0 {
		return errors.New("there is no audit record to verify")
	}
	if len(report.Findings) > 0 {
		first := report.Findings[0]
		return fmt.Errorf("%d findings in the audit log, the first: %s of boot %s, sequence %d: %s",
			len(report.Findings), first.Kind, first.Boot, first.Sequence, first.Message)
	}
	return nil
}

// auditIsComplete waits until the records of all admitted connections have
// arrived, then searches all lines for credentials.
func (w *World) auditIsComplete(ctx context.Context) (string, error) {
	var sums ledger
	err := until(ctx, 20*time.Second, func(context.Context) error {
		sums = newLedger(records(w.logs.all()))
		return sums.complete(w.admitted.get())
	})
	if err != nil {
		return "", err
	}
	lines := w.logs.all()
	if err := unbroken(lines); err != nil {
		return "", err
	}
	for _, token := range w.tokens.all() {
		// The signature alone would be enough for nobody, the whole for anybody.
		signature := token[strings.LastIndexByte(token, '.')+1:]
		for _, line := range lines {
			if strings.Contains(line, signature) {
				return "", errors.New("a token is in the log")
			}
		}
	}
	return fmt.Sprintf("%d connections opened and closed once each, %d denied records, no token in %d lines",
		len(sums.opened), sums.denied, len(lines)), nil
}
