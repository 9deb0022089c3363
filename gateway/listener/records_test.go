// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"crypto/tls"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// writes counts how often a connection is written to: crypto/tls does so once for
// each record.
type writes struct {
	net.Conn

	count atomic.Int64
}

func (w *writes) Write(p []byte) (int, error) {
	w.count.Add(1)
	return w.Conn.Write(p)
}

func TestALargeMessageIsOneRecordFromTheBeginning(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	pair := ca.Issue(t, "ws.example.com")
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	front := listener.NewFront([]listener.Terms{{Listener: "public", Hostnames: []string{"ws.example.com"}, Certificate: &certificate}}, time.Now)
	near, far := net.Pipe()
	client := tls.Client(far, &tls.Config{RootCAs: ca.Pool, ServerName: "ws.example.com"})
	failed := make(chan error, 1)
	go func() {
		_, err := client.Read(make([]byte, 1))
		for err == nil {
			_, err = client.Read(make([]byte, 1<<10))
		}
		failed <- err
	}()
	counted := &writes{Conn: near}
	secure, _, err := front.Handshake(t.Context(), counted, nil)
	if err != nil {
		t.Fatal(err)
	}
	before := counted.count.Load()
	if _, err := secure.Write(make([]byte, 16_000)); err != nil {
		t.Fatal(err)
	}
	if records := counted.count.Load() - before; records != 1 {
		t.Errorf("%d records", records)
	}
	_ = near.Close()
	<-failed
}
