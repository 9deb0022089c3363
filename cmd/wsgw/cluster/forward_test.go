// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/cluster"
)

// kubelet is an API server with a kubelet behind it, as far as a port-forward sees
// them. Each connection is given to serve; what it answers is said on the other
// stream.
type kubelet struct {
	serve func(data io.ReadWriter, port string) (complaint string)
	// old has SPDY only, as before Kubernetes 1.30.
	old   bool
	paths atomic.Value
	// asked are the methods of the requests: GET for WebSocket, POST for SPDY.
	asked asked
	ended atomic.Int32
}

type asked struct {
	mu      sync.Mutex
	methods []string
}

func (a *asked) add(method string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.methods = append(a.methods, method)
}

func (a *asked) all() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.methods)
}

// upgrade answers the request; nil where that was all.
func (k *kubelet) upgrade(w http.ResponseWriter, r *http.Request, streams httpstream.NewStreamHandler) httpstream.Connection {
	if r.Method == http.MethodPost {
		if _, err := httpstream.Handshake(r, w, []string{portforward.PortForwardProtocolV1Name}); err != nil {
			return nil
		}
		return spdy.NewResponseUpgrader().UpgradeResponse(w, r, streams)
	}
	if k.old {
		w.WriteHeader(http.StatusBadRequest)
		return nil
	}
	upgrader := websocket.Upgrader{Subprotocols: []string{"SPDY/3.1+" + portforward.PortForwardProtocolV1Name}}
	tunnel, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return nil
	}
	conn, err := spdy.NewServerConnection(portforward.NewTunnelingConnection("server", tunnel), streams)
	if err != nil {
		return nil
	}
	return conn
}

func (k *kubelet) start(t *testing.T) cluster.Dialer {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		k.paths.Store(r.URL.Path)
		k.asked.add(r.Method)
		streams := make(chan httpstream.Stream, 2)
		conn := k.upgrade(w, r, func(stream httpstream.Stream, _ <-chan struct{}) error {
			streams <- stream
			return nil
		})
		if conn == nil {
			return
		}
		defer conn.Close()
		complaints, data := <-streams, <-streams
		if complaints.Headers().Get(corev1.StreamType) != corev1.StreamTypeError {
			complaints, data = data, complaints
		}
		said := k.serve(data, data.Headers().Get(corev1.PortHeader))
		_, _ = io.WriteString(complaints, said)
		complaints.Close()
		data.Close()
		<-conn.CloseChan()
		k.ended.Add(1)
	}))
	t.Cleanup(server.Close)
	c, err := cluster.New(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return c.Dialer
}

var podName = types.NamespacedName{Namespace: "chat", Name: "wsgw-edge-1"}

func TestAPortForwardCarriesAConnection(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		old  bool
		want []string
	}{
		"by WebSocket": {false, []string{http.MethodGet}},
		"by SPDY, of an API server that has nothing else": {true, []string{http.MethodGet, http.MethodPost}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := &kubelet{old: tt.old, serve: func(data io.ReadWriter, port string) string {
				line, _ := bufio.NewReader(data).ReadString('\n')
				_, _ = io.WriteString(data, port+" "+line)
				return ""
			}}
			k.carries(t)
			if got := k.asked.all(); !slices.Equal(got, tt.want) {
				t.Errorf("asked by %v, want %v", got, tt.want)
			}
		})
	}
}

// carries has a connection through the forwarding, which ends with it.
func (k *kubelet) carries(t *testing.T) {
	t.Helper()
	conn, err := k.start(t).Dial(t.Context(), podName, 19001)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "hello\n"); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(conn)
	if err != nil || string(said) != "19001 hello\n" {
		t.Errorf("%q, %v", said, err)
	}
	if path := k.paths.Load(); path != "/api/v1/namespaces/chat/pods/wsgw-edge-1/portforward" {
		t.Errorf("path %v", path)
	}
	if conn.RemoteAddr().String() != "chat/wsgw-edge-1:19001" {
		t.Errorf("address %s", conn.RemoteAddr())
	}
	if err := conn.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	for deadline := time.Now().Add(time.Minute); k.ended.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the session goes on after its connection")
		}
	}
}

// What the kubelet says is more than an end of the stream.
func TestAPortThatNobodyListensAtIsTold(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{false, true} {
		refusedAt(t, old)
	}
}

func refusedAt(t *testing.T, old bool) {
	t.Helper()
	k := &kubelet{old: old, serve: func(io.ReadWriter, string) string { return "connect: connection refused\x1b[2J" }}
	conn, err := k.start(t).Dial(t.Context(), podName, 19001)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.ReadAll(conn); err == nil || !strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
}

func TestARefusedPortForwardIsTold(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"you may not","reason":"Forbidden","code":403}`)
	}))
	t.Cleanup(server.Close)
	c, err := cluster.New(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Dialer.Dial(t.Context(), podName, 19001); err == nil || !strings.Contains(err.Error(), "chat/wsgw-edge-1") {
		t.Errorf("%v", err)
	}
}

func TestAnAPIServerThatHangsKeepsNobodyWaitingForEver(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(hang) })
	c, err := cluster.New(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer stop()
	began := time.Now()
	if _, err := c.Dialer.Dial(ctx, podName, 19001); err == nil || time.Since(began) > 30*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}
