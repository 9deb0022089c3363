// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package conformance_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/gateway/session"
	"github.com/wsgateway/websocket-gateway-operator/test/conformance"
	"github.com/wsgateway/websocket-gateway-operator/test/edge"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// Ways to a server.
const (
	direct     = "direct"
	byFrames   = "Frames"
	byThreads  = "Frames, without event loops"
	byMessages = "Messages"
)

// largest message of all cases.
const maxMessage = 8 << 20

const host = "ws.example.com"

// targets are the servers by name, and for each the ways to it.
func targets(t *testing.T) map[string]map[string]conformance.Target {
	t.Helper()
	addresses := echoes(t)
	through := throughGateway(t, addresses)
	all := map[string]map[string]conformance.Target{}
	for name, address := range addresses {
		all[name] = map[string]conformance.Target{
			direct:     {Dial: plain(address), Host: host, Path: "/"},
			byFrames:   {Dial: through, Host: host, Path: "/" + name + "/" + string(contract.RelayFrames)},
			byMessages: {Dial: through, Host: host, Path: "/" + name + "/messages"},
			byThreads:  {Dial: plain(throughThreads(t, address)), Host: host, Path: "/"},
		}
	}
	return all
}

func plain(address string) func(context.Context) (net.Conn, error) {
	return func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", address) }
}

// throughGateway runs a gateway with a route for each server and relay.
func throughGateway(t *testing.T, addresses map[string]string) func(context.Context) (net.Conn, error) {
	t.Helper()
	ca, root := wstest.NewCA(t), wstest.NewRoot(t)
	config := contract.Config{
		Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"},
		Listeners: []contract.Listener{{
			Name: "public", Port: 443, BindPort: 10443, Hostnames: []string{host}, MinTLSVersion: "1.2", CertificateSecret: "public-tls",
		}},
		Policies: []contract.Policy{{Name: "open", Methods: []contract.Method{{Anonymous: &contract.Anonymous{}}}}},
		// No ping of ours comes in between, however slow the machine.
		Limits: &contract.Limits{MaxMessageBytes: new(int64(maxMessage)), PingInterval: new(contract.Duration(time.Hour))},
	}
	endpoints := contract.Endpoints{Backends: map[string]contract.BackendEndpoints{}}
	for name, address := range addresses {
		endpoints.Backends[name] = contract.BackendEndpoints{Addresses: []string{address}}
		route := contract.Route{Hostnames: []string{host}, Policy: "open", Backends: []contract.Backend{{Name: name}}}
		route.Name, route.Path = name+"-messages", contract.Path{Prefix: "/" + name + "/messages"}
		config.Routes = append(config.Routes, route)
		route.Name, route.Path = name+"-frames", contract.Path{Prefix: "/" + name + "/" + string(contract.RelayFrames)}
		route.Relay, route.Extensions = contract.RelayFrames, contract.ExtensionsPassThrough
		config.Routes = append(config.Routes, route)
	}
	root.TLSSecret(t, "public-tls", ca.Issue(t, host))
	root.Config(t, config, endpoints)
	logs := &wstest.Journal{}
	e := edge.Start(t, logs, gateway.Options{
		Root: root.Path, BindPorts: map[string]int32{"public": 0}, AdminAddress: "127.0.0.1:0", ControlAddress: "127.0.0.1:0",
		PollInterval: time.Hour, Gateway: config.Gateway, PodName: "edge-0", PodUID: "uid-0", Version: "v0-test", Audit: io.Discard,
	})
	dialer := &tls.Dialer{Config: &tls.Config{RootCAs: ca.Pool, ServerName: host, MinVersion: tls.VersionTLS13}}
	return func(ctx context.Context) (net.Conn, error) {
		return dialer.DialContext(ctx, "tcp", e.Addresses["public"])
	}
}

// throughThreads relays by the goroutines that take over where there are no event
// loops. In a gateway on Linux they hardly ever do, so here is as little of one as
// that relay needs; the handshake of the client goes to the server as it is.
func throughThreads(t *testing.T, address string) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	relay := proxy.NewFrames(proxy.FramesOptions{Now: time.Now, Random: rand.Float64})
	limits := (&contract.Limits{MaxMessageBytes: new(int64(maxMessage)), PingInterval: new(contract.Duration(time.Hour))}).WithDefaults()
	ctx, stop := context.WithCancel(context.Background())
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() {
				defer func() { _ = client.Close() }()
				if upstream := introduce(ctx, client, address); upstream != nil {
					_ = relay.Relay(ctx, client, upstream, session.New(nil), limits)
				}
			})
		}
	})
	t.Cleanup(func() {
		stop()
		_ = listener.Close()
		connections.Wait()
	})
	return listener.Addr().String()
}

// introduce passes the handshake of a client on, byte by byte so that nothing of a
// frame is taken, and the answer back.
func introduce(ctx context.Context, client net.Conn, address string) *proxy.Upstream {
	upstream, err := plain(address)(ctx)
	if err != nil {
		return nil
	}
	var answer []byte
	if _, err = passHead(upstream, client); err == nil {
		answer, err = passHead(client, upstream)
	}
	if err != nil {
		_ = upstream.Close()
		return nil
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), nil)
	if err != nil {
		_ = upstream.Close()
		return nil
	}
	_ = response.Body.Close()
	return &proxy.Upstream{Conn: upstream, Extension: response.Header.Get("Sec-WebSocket-Extensions")}
}

func passHead(to io.Writer, from io.Reader) (head []byte, err error) {
	for end := len(head); end < 4 || string(head[end-4:]) != "\r\n\r\n"; end = len(head) {
		var one [1]byte
		if _, err := io.ReadFull(from, one[:]); err != nil {
			return nil, err
		}
		head = append(head, one[0])
	}
	_, err = to.Write(head)
	return head, err
}
