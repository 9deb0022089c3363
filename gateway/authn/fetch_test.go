// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// What is said of a failure is published in the status of the gateway: were it
// different at each try, the status would change for ever.
func TestAFailureIsCalledTheSameAtEachTry(t *testing.T) {
	t.Parallel()
	reset := func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		below := conn.(*tls.Conn).NetConn().(*net.TCPConn)
		_ = below.SetLinger(0)
		_ = below.Close()
	}
	expired := func(s *issuerServer, m *contract.JWT) {
		ca := wstest.NewCA(t)
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		old := ca.IssueWith(t, key, func(c *x509.Certificate) {
			c.IPAddresses, c.NotAfter = []net.IP{net.IPv4(127, 0, 0, 1)}, time.Now().Add(-time.Second)
		})
		pair, err := tls.X509KeyPair(old.Certificate, old.Key)
		if err != nil {
			t.Fatal(err)
		}
		s.TLS.Certificates = []tls.Certificate{pair}
		m.KeySet.CABundle = string(ca.PEM)
	}
	for name, change := range map[string]func(*issuerServer, *contract.JWT){
		"a connection that is reset": func(s *issuerServer, _ *contract.JWT) { s.does(reset) },
		"a port on which nobody is":  func(s *issuerServer, _ *contract.JWT) { s.Close() },
		"a name that does not exist": func(_ *issuerServer, m *contract.JWT) { m.KeySet.URI = "https://nobody.invalid/keys" },
		"a certificate of yesterday": expired,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newIssuerServer(t, "")
			method := server.method()
			change(server, method.JWT)
			r := newRemote(t, method)
			said := func() string {
				select {
				case <-r.fetched:
				case <-time.After(time.Minute):
					t.Fatal("nothing was fetched")
				}
				problems := r.Problems()
				if len(problems) != 1 {
					t.Fatalf("problems: %+v", problems)
				}
				return problems[0].Message
			}
			if first, second := said(), said(); first != second {
				t.Errorf("first %q, then %q", first, second)
			}
		})
	}
}
