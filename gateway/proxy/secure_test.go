// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/proxy"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const backendName = "b.default.svc"

// byTLS is a choice of the backend "b" by a profile with this configuration.
func byTLS(config *tls.Config) proxy.Choice {
	return proxy.Choice{
		Backends: []contract.Backend{{Name: "b", TLS: "inside", ServerName: backendName}},
		TLS: func(profile, serverName string) *tls.Config {
			if profile != "inside" || serverName != backendName {
				return nil
			}
			return config
		},
	}
}

func trusting(ca *wstest.CA) *tls.Config {
	return &tls.Config{RootCAs: ca.Pool, ServerName: backendName, MinVersion: tls.VersionTLS12}
}

func serving(tb testing.TB, pair wstest.Pair) *tls.Config {
	tb.Helper()
	return &tls.Config{Certificates: []tls.Certificate{pair.KeyPair(tb)}, MinVersion: tls.VersionTLS12}
}

func TestABackendIsSpokenToByTLS(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	echo := wstest.SecureEcho(t, serving(t, ca.Issue(t, backendName)))
	u, err := newPool(echo.Address).Connect(t.Context(), byTLS(trusting(ca)), handshake())
	if err != nil {
		t.Fatal(err)
	}
	defer u.Release()
	if _, ok := u.Conn.(*tls.Conn); !ok || len(echo.Requests()) != 1 {
		t.Errorf("the connection is a %T, the backend was asked %d times", u.Conn, len(echo.Requests()))
	}
}

func TestWhyTLSWithABackendFails(t *testing.T) {
	t.Parallel()
	ca, other := wstest.NewCA(t), wstest.NewCA(t)
	good := ca.Issue(t, backendName)
	of := func(change func(*x509.Certificate)) *tls.Config {
		return serving(t, ca.IssueWith(t, wstest.NewKey(t), func(c *x509.Certificate) {
			c.DNSNames = []string{backendName}
			change(c)
		}))
	}
	asking := func(version uint16) *tls.Config {
		config := serving(t, good)
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, ca.Pool
		config.MinVersion, config.MaxVersion = version, version
		return config
	}
	weak := serving(t, good)
	weak.MaxVersion, weak.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}
	showing := func(from *wstest.CA) *tls.Config {
		config := trusting(ca)
		pair := from.IssueClient(t, func(*x509.Certificate) {}).KeyPair(t)
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
		return config
	}
	unreadable := serving(t, ca.IssueWith(t, wstest.NewKey(t), func(c *x509.Certificate) {
		c.URIs = []*url.URL{{Scheme: "https", Host: "private.example.com"}}
	}))
	chain := unreadable.Certificates[0].Certificate
	chain[0] = bytes.Replace(chain[0], []byte("https://"), []byte("://ps://"), 1)
	strict := trusting(ca)
	strict.CipherSuites = []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}
	for name, test := range map[string]struct {
		backend *wstest.Upstream
		config  *tls.Config
		reason  outcome.Reason
		detail  string
	}{
		"a CA that nobody trusts": {wstest.SecureEcho(t, serving(t, other.Issue(t, backendName))), trusting(ca), outcome.UpstreamCertificateInvalid, "none of the CAs"},
		"another name":            {wstest.SecureEcho(t, serving(t, ca.Issue(t, "private.example.com"))), trusting(ca), outcome.UpstreamCertificateInvalid, "is not for " + backendName},
		"expired":                 {wstest.SecureEcho(t, of(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Second) })), trusting(ca), outcome.UpstreamCertificateInvalid, "has expired"},
		"meant for clients":       {wstest.SecureEcho(t, of(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })), trusting(ca), outcome.UpstreamCertificateInvalid, "not meant for servers"},
		"cannot be read":          {wstest.SecureEcho(t, unreadable), trusting(ca), outcome.UpstreamTLSFailed, "certificate cannot be read"},
		"no TLS at all": {wstest.Raw(t, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}), trusting(ca), outcome.UpstreamTLSFailed, "does not speak TLS"},
		"hangs up":                            {wstest.Raw(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 4096)) }), trusting(ca), outcome.UpstreamTLSFailed, "hung up"},
		"no AEAD":                             {wstest.SecureEcho(t, weak), strict, outcome.UpstreamTLSFailed, "refused TLS"},
		"wants a client certificate, TLS 1.2": {wstest.SecureEcho(t, asking(tls.VersionTLS12)), trusting(ca), outcome.UpstreamTLSFailed, "client certificate"},
		"wants a client certificate, TLS 1.3": {wstest.SecureEcho(t, asking(tls.VersionTLS13)), trusting(ca), outcome.UpstreamTLSFailed, "client certificate"},
		"wants one of another CA, TLS 1.3":    {wstest.SecureEcho(t, asking(tls.VersionTLS13)), showing(other), outcome.UpstreamTLSFailed, "client certificate"},
		"a profile that cannot be used":       {wstest.SecureEcho(t, serving(t, good)), nil, outcome.UpstreamTLSFailed, `the profile "inside" cannot be used`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u, err := newPool(test.backend.Address).Connect(t.Context(), byTLS(test.config), handshake())
			if err == nil {
				u.Release()
			}
			wantRefusal(t, err, test.reason)
			var refusal *outcome.Refusal
			if errors.As(err, &refusal) && (!strings.Contains(refusal.Detail, test.detail) || strings.Contains(refusal.Detail, "private")) {
				t.Errorf("the detail is %q", refusal.Detail)
			}
			if n := len(test.backend.Requests()); n != 0 {
				t.Errorf("the backend has read %d requests", n)
			}
		})
	}
}

func TestABackendWithoutAProfileIsNotDialledForOneThatHasOne(t *testing.T) {
	t.Parallel()
	echo := wstest.Echo(t)
	choice := byTLS(nil)
	choice.TLS = nil
	_, err := newPool(echo.Address).Connect(t.Context(), choice, handshake())
	wantRefusal(t, err, outcome.UpstreamTLSFailed)
	if echo.Accepted() != 0 {
		t.Error("it was dialled")
	}
}

func TestAnEndpointWhoseTLSFailsLeavesTheConnectionToAnother(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	bad := wstest.SecureEcho(t, serving(t, wstest.NewCA(t).Issue(t, backendName)))
	good := wstest.SecureEcho(t, serving(t, ca.Issue(t, backendName)))
	pool := newPool(bad.Address, good.Address)
	for range 5 {
		u, err := pool.Connect(t.Context(), byTLS(trusting(ca)), handshake())
		if err != nil {
			t.Fatal(err)
		}
		if u.Address != good.Address {
			t.Errorf("went to %s", u.Address)
		}
		defer u.Release()
	}
	if n := bad.Accepted(); n > 1 {
		t.Errorf("the endpoint with the bad certificate was dialled %d times", n)
	}
}

func TestABackendThatHesitatesInTLSIsGivenUp(t *testing.T) {
	t.Parallel()
	u, err := newPool(wstest.Silent(t).Address).Connect(t.Context(), byTLS(trusting(wstest.NewCA(t))), handshake())
	if err == nil {
		u.Release()
	}
	wantRefusal(t, err, outcome.UpstreamTLSFailed)
}
