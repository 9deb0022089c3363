// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package ask_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/ask"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// to leads to a server, whichever pod is meant, and counts connections.
type to struct {
	address string
	dialled atomic.Int32
}

func (d *to) Dial(ctx context.Context, _ types.NamespacedName, _ int) (net.Conn, error) {
	d.dialled.Add(1)
	return (&net.Dialer{}).DialContext(ctx, "tcp", d.address)
}

func serve(t *testing.T, handle http.HandlerFunc) (*ask.Pods, *to) {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	d := &to{address: strings.TrimPrefix(server.URL, "http://")}
	pods := ask.New(d)
	t.Cleanup(pods.Close)
	return pods, d
}

var podName = types.NamespacedName{Namespace: "chat", Name: "wsgw-edge-1"}

// A pod refuses whoever names another host, comes from a web page, or posts
// without the header.
func TestQuestionsAreThoseThatAPodAnswers(t *testing.T) {
	t.Parallel()
	pods, d := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Host, "127.0.0.1:") || r.Header.Get("Origin") != "" {
			t.Errorf("host %q, origin %q", r.Host, r.Header.Get("Origin"))
		}
		if r.Method == http.MethodPost && (r.Header.Get(control.Header) != control.HeaderValue || r.Header.Get("Content-Type") != "application/json") {
			t.Errorf("headers %v", r.Header)
		}
		_, _ = io.WriteString(w, "{}")
	})
	ctx := t.Context()
	_, first := pods.State(ctx, podName)
	_, second := pods.CloseConnections(ctx, podName, &control.CloseRequest{})
	_, third := pods.Drain(ctx, podName, &control.DrainRequest{})
	if err := errors.Join(first, second, third, pods.Explain(ctx, podName, &control.ExplainRequest{}, &struct{}{})); err != nil {
		t.Error(err)
	}
	if n := d.dialled.Load(); n != 1 {
		t.Errorf("%d connections for four questions, want one", n)
	}
}

func TestPagesAreTurnedUntilThereAreEnough(t *testing.T) {
	t.Parallel()
	const all = 2500
	pods, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		listing, err := control.ParseListing(r.URL.Query())
		if err != nil {
			t.Error(err)
			return
		}
		from := 0
		if listing.After != "" {
			_, number, _ := strings.Cut(listing.After, ",")
			_, _ = fmt.Sscan(number, &from)
		}
		answer := control.Connections{Open: all, Matched: all}
		for i := from; i < min(all, from+listing.Limit); i++ {
			answer.Connections = append(answer.Connections, control.Connection{ID: fmt.Sprint(i)})
		}
		if end := from + listing.Limit; end < all {
			answer.Next = control.Cursor(time.Unix(0, 0), fmt.Sprint(end))
		}
		_ = json.NewEncoder(w).Encode(answer)
	})
	for limit, want := range map[int]int{0: all, 10: 10, 1000: 1000} {
		found, err := pods.ConnectionsAll(t.Context(), podName, control.Listing{}, limit)
		if err != nil || len(found.Connections) != want {
			t.Errorf("limit %d: %d connections, %v", limit, len(found.Connections), err)
			continue
		}
		if last := found.Connections[want-1].ID; last != fmt.Sprint(want-1) {
			t.Errorf("limit %d: the last is %s", limit, last)
		}
	}
}

func TestWhatAPodSaysIsBounded(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		handle http.HandlerFunc
		want   string
	}{
		"a refusal": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"message":"more than\nbefore"}`)
		}, "pod wsgw-edge-1 answers 409: more than before"},
		"a refusal without words": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, "answers 403"},
		"an older release":        {http.NotFound, "cannot do this"},
		"no JSON":                 {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, "not understood"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://example.com/", http.StatusFound)
		}, "answers 302"},
		"an answer without end": {func(w http.ResponseWriter, _ *http.Request) {
			for chunk := strings.Repeat("x", 1<<20); ; {
				if _, err := io.WriteString(w, chunk); err != nil {
					return
				}
			}
		}, "longer than"},
	} {
		pods, _ := serve(t, tt.handle)
		if _, err := pods.State(t.Context(), podName); err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "127.0.0.1") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnePodThatFailsKeepsNoOtherFromAnswering(t *testing.T) {
	t.Parallel()
	names := make([]types.NamespacedName, 100)
	for i := range names {
		names[i].Name = fmt.Sprint(i)
	}
	var now, most atomic.Int32
	answers := ask.Each(t.Context(), names, func(_ context.Context, pod types.NamespacedName) (string, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		time.Sleep(time.Millisecond)
		if pod.Name == "7" {
			return "", errors.New("no answer")
		}
		return "I am " + pod.Name, nil
	})
	for i, answer := range answers {
		if (answer.Err != nil) != (i == 7) || i != 7 && answer.Value != fmt.Sprintf("I am %d", i) {
			t.Errorf("%d: %+v", i, answer)
		}
	}
	if n := most.Load(); n < 2 || n > 16 {
		t.Errorf("%d at a time", n)
	}
}
