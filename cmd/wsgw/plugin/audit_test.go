// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/exit"
	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/plugin"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
)

// tail runs audit tail.
func (b *bench) tail(ctx context.Context, args ...string) (out, log *buffer, done <-chan int) {
	b.t.Helper()
	out, log = &buffer{}, &buffer{}
	cmd := plugin.NewTail(b.env(out, log))
	root := &cobra.Command{Use: "wsgw", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(cmd)
	root.SetArgs(append([]string{"tail"}, args...))
	ended := make(chan int, 1)
	go func() {
		err := root.ExecuteContext(ctx)
		if err != nil && !exit.Silent(err) {
			_, _ = io.WriteString(log, err.Error())
		}
		ended <- exit.Code(err)
	}()
	return out, log, ended
}

// logs plays the kubelet: the log of a pod is what its gateway has written, with
// other lines between.
type logs struct {
	mu   sync.Mutex
	pods map[string]*podGateway
	// cut ends each stream after so many bytes, once.
	cut int
	// opened counts streams by pod.
	opened map[string]int
}

func (l *logs) open(ctx context.Context, pod types.NamespacedName, options *corev1.PodLogOptions) (io.ReadCloser, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.pods[pod.Name]
	if p == nil || options.Container != "gateway" {
		return nil, errors.New("no such log")
	}
	l.opened[pod.Name]++
	limit := 0
	if l.opened[pod.Name] == 1 {
		limit = l.cut
	}
	from, to := io.Pipe()
	go func() {
		sent := 0
		_, _ = io.WriteString(to, "time=... level=INFO msg=ready\n")
		for ticker := time.NewTicker(10 * time.Millisecond); ctx.Err() == nil; <-ticker.C {
			text := p.audit.String()
			n, err := io.WriteString(to, text[sent:])
			if sent += n; err != nil {
				return
			}
			if !options.Follow || limit > 0 && sent > limit {
				break
			}
		}
		_ = to.Close()
	}()
	return from, nil
}

func tailScene(t *testing.T) (*bench, *logs, *podGateway) {
	t.Helper()
	b := newBench(t)
	b.create(gateway("edge"))
	one, two := b.serve("wsgw-edge-1"), b.serve("wsgw-edge-2")
	l := &logs{pods: map[string]*podGateway{"wsgw-edge-1": one, "wsgw-edge-2": two}, opened: map[string]int{}}
	b.cluster.Logs = l.open
	one.connect(t, 2, "/chat/room", deviceKeys)
	two.connect(t, 1, "/feed", "")
	two.refused(t, "/nowhere")
	eventually(t, func() bool {
		return strings.Count(one.audit.String(), `"opened"`) >= 2 && strings.Contains(two.audit.String(), `"denied"`)
	})
	return b, l, one
}

func TestAuditRecordsOfAllPodsAreInOrder(t *testing.T) {
	t.Parallel()
	b, _, _ := tailScene(t)
	for name, tt := range map[string]struct {
		args []string
		want int
		text string
	}{
		"all":           {[]string{"--event", "opened,denied"}, 4, "wsgw-edge-2 denied   no_route"},
		"of an event":   {[]string{"--event", "denied"}, 1, "status=404"},
		"of a reason":   {[]string{"--reason", "no_route"}, 1, "path=/nowhere"},
		"of a caller":   {[]string{"--subject", "sensor-1", "--event", "opened"}, 2, "subject=sensor-1"},
		"of a route":    {[]string{"--route", "feed"}, 1, "route=feed"},
		"of a network":  {[]string{"--client", "127.0.0.1", "--event", "opened"}, 3, "client=127.0.0.1:"},
		"of another":    {[]string{"--client", "203.0.113.0/24"}, 0, ""},
		"of one pod":    {[]string{"--pod", "wsgw-edge-1", "--event", "opened"}, 2, "wsgw-edge-1 opened"},
		"as they stand": {[]string{"--event", "opened", "-o", "json"}, 3, `"wsgateway.schema"`},
	} {
		out, log, done := b.tail(t.Context(), append([]string{"edge", "--follow=false"}, tt.args...)...)
		if code := <-done; code != 0 || log.String() != "" || strings.Count(out.String(), "\n") != tt.want || !strings.Contains(out.String(), tt.text) {
			t.Errorf("%s: exit status %d, want %d lines with %q\n%s%s", name, code, tt.want, tt.text, out, log)
		}
	}
	out, _, done := b.tail(t.Context(), "edge", "--follow=false", "-o", "json")
	<-done
	last := time.Time{}
	for line := range strings.Lines(out.String()) {
		record, err := audit.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if record.Time.Before(last) {
			t.Errorf("%s comes after %s", record.Time, last)
		}
		last = record.Time
	}
}

// A pod that comes later is followed too, and a connection that breaks tells
// nothing twice.
func TestAuditRecordsAreFollowed(t *testing.T) {
	t.Parallel()
	b, l, one := tailScene(t)
	l.cut = 100
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, log, done := b.tail(ctx, "edge", "--event", "opened", "-o", "json")
	has := func(n int) func() bool { return func() bool { return strings.Count(out.String(), "\n") == n } }
	eventually(t, has(3))
	one.connect(t, 1, "/chat/room", deviceKeys)
	eventually(t, has(4))
	three := b.serve("wsgw-edge-3")
	l.mu.Lock()
	l.pods["wsgw-edge-3"] = three
	l.mu.Unlock()
	three.connect(t, 1, "/feed", "")
	eventually(t, has(5))
	stop()
	if code := <-done; code != 0 {
		t.Errorf("exit status %d: %s", code, log)
	}
	seen := map[string]bool{}
	for line := range bytes.Lines([]byte(out.String())) {
		if seen[string(line)] {
			t.Errorf("twice: %s", line)
		}
		seen[string(line)] = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened["wsgw-edge-1"] < 2 {
		t.Error("the connection did not break")
	}
}

func TestAuditTailTellsWhatItCannotRead(t *testing.T) {
	t.Parallel()
	b, l, _ := tailScene(t)
	delete(l.pods, "wsgw-edge-2")
	out, log, done := b.tail(t.Context(), "edge", "--follow=false", "--event", "opened")
	if code := <-done; code != 1 || strings.Count(out.String(), "\n") != 2 || !strings.Contains(log.String(), "wsgw-edge-2") {
		t.Errorf("exit status %d\n%s%s", code, out, log)
	}
	for _, args := range [][]string{{"--event", "open"}, {"--client", "x"}, {"--tail", "-1"}} {
		_, log, done := b.tail(t.Context(), append([]string{"edge"}, args...)...)
		if code := <-done; code != 2 {
			t.Errorf("%q: exit status %d, %s", args, code, log)
		}
	}
}
