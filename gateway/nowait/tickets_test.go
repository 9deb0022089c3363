// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// wallet keeps sessions by the name that crypto/tls gives them.
type wallet map[string]int

func (w wallet) Get(string) (*tls.ClientSessionState, bool) { return nil, false }

func (w wallet) Put(name string, _ *tls.ClientSessionState) { w[name]++ }

// A server may send tickets whenever it likes. crypto/tls keeps them by the server's
// name: where it had none, by an address, which a taken connection does not have any more.
func TestTicketsOfAServerAreTakenWhileReading(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			kept, secrets := wallet{}, &wstest.Secrets{}
			toServer, toClient := newTube(), newTube()
			below, exchange := nowait.Wrap(&end{in: toClient, out: toServer}), &nowait.Exchange{}
			if k.inside {
				exchange.Buffers = buffers(t)
			}
			pair := certificateFor(t, "backend.example.com")
			roots := x509.NewCertPool()
			roots.AddCert(pair.Leaf)
			client := tls.Client(below, &tls.Config{ClientSessionCache: kept, ServerName: "backend.example.com", RootCAs: roots, MinVersion: k.version})
			server := tls.Server(&end{in: toServer, out: toClient}, &tls.Config{
				Certificates: []tls.Certificate{pair}, SessionTicketsDisabled: true, KeyLogWriter: secrets,
			})
			done := make(chan error, 1)
			go func() { done <- server.Handshake() }()
			if err := errors.Join(client.Handshake(), <-done); err != nil {
				t.Fatal(err)
			}
			below.Take(exchange)
			f := wstest.ForgeServer(t, server, secrets, 0)
			var got []byte
			for _, record := range [][]byte{f.Data(t, []byte("a")), f.Ticket(t, make([]byte, 300)), f.Ticket(t, make([]byte, 10)), f.Data(t, []byte("b"))} {
				for _, one := range record {
					exchange.In = []byte{one}
					plain, err := exchange.Decrypt(client, make([]byte, 0, 1000))
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, plain...)
					if k.inside {
						buffers(t).Drop(client)
					}
				}
			}
			if string(got) != "ab" || kept["backend.example.com"] != 2 || len(kept) != 1 || len(exchange.Out) > 0 {
				t.Errorf("read %q, kept %v, wrote %d bytes", got, kept, len(exchange.Out))
			}
		})
	}
}
