// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/ciphers"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/match"
	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// Terms are what one listener offers to TLS clients.
type Terms struct {
	// The certificate holds its private key.
	secret.Sealed

	// Listener is its name.
	Listener  string
	Hostnames []string
	// MinVersion is tls.VersionTLS12 or tls.VersionTLS13.
	MinVersion uint16
	// Certificate is nil while there is none: the listener's names are then
	// refused.
	Certificate *tls.Certificate
	// ClientCertificates says which certificates clients have to show; nil: they
	// are not asked.
	ClientCertificates *ClientCertificates
	// Tickets nil: no session is resumed. They mean nothing beside
	// ClientCertificates.
	Tickets *Tickets
}

// ClientCertificates are the terms of mutual TLS.
type ClientCertificates struct {
	// Required refuses clients that show none.
	Required bool
	CAs      *clientcert.CAs
}

// Front is what one socket serves: the listeners that share it. It is immutable
// and safe for concurrent use.
type Front struct {
	now    func() time.Time
	config *tls.Config
	hosts  match.Hosts[*choice]
	// nobody is the configuration for names that are not served: without a
	// certificate, crypto/tls answers with the alert unrecognized_name.
	nobody *tls.Config
}

type choice struct {
	listener string
	config   *tls.Config
	served   bool
	clients  *ClientCertificates
	// resumption is nil where no session is resumed.
	resumption *resumption
}

// NewFront puts listeners behind one socket. Each hostname belongs to one
// listener. now is the clock.
func NewFront(terms []Terms, now func() time.Time) *Front {
	f := &Front{now: now, nobody: newConfig(tls.VersionTLS12)}
	f.config = newConfig(tls.VersionTLS12)
	f.config.GetConfigForClient = f.choose
	for _, t := range terms {
		config := newConfig(t.MinVersion)
		if t.Certificate != nil {
			config.Certificates = []tls.Certificate{*t.Certificate}
		}
		t.ClientCertificates.ask(config, now)
		c := &choice{listener: t.Listener, config: config, served: t.Certificate != nil, clients: t.ClientCertificates}
		// Whoever resumes shows no certificate: it would be believed to be the one
		// of before, whatever has become of it and of its CA.
		if t.Tickets != nil && c.served && c.clients == nil {
			c.resumption = newResumption(t.Tickets, config.Clone())
		}
		for _, hostname := range t.Hostnames {
			f.hosts.Set(hostname, c)
		}
	}
	return f
}

func newConfig(minVersion uint16) *tls.Config {
	return &tls.Config{
		MinVersion:   max(minVersion, tls.VersionTLS12),
		CipherSuites: ciphers.TLS12(),
		NextProtos:   []string{"http/1.1"},
		// Small records let a browser paint the top of a page early; a message is
		// nothing before its end, and each record costs.
		DynamicRecordSizingDisabled: true,
		// A ticket of one listener must never resume at another, whose rules
		// may differ (CVE-2025-68121 and its kind), so there are none but those
		// of newResumption, whose keys are the listener's own. In the configuration
		// that handshakes begin with this also keeps crypto/tls from making keys.
		SessionTicketsDisabled: true,
	}
}

// ServedBy returns the listener whose hostnames hold name, which is in lower
// case.
func (f *Front) ServedBy(name string) (listener string, ok bool) {
	c, ok := f.hosts.Lookup(name)
	if !ok {
		return "", false
	}
	return c.listener, true
}

func (f *Front) choose(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	name := strings.ToLower(hello.ServerName)
	c, ok := f.hosts.Lookup(name)
	p := probeOf(hello.Conn)
	if p != nil {
		p.hello.ServerName = name
		p.chosen = c
	}
	if !ok {
		return f.nobody, nil
	}
	if c.served && c.clients.hopeless() {
		return nil, errNoClientCAs
	}
	if p != nil && c.served {
		if err := p.effort.begin(hello.Context()); err != nil {
			return nil, err
		}
	}
	if p != nil && c.clients != nil {
		return c.clients.remembering(c.config, p, f.now), nil
	}
	return c.configFor(hello, f.now), nil
}

// configFor is without tickets for clients of TLS 1.2. That protocol sends them in
// the clear, with the secret of the session inside: whoever ever gets the private
// key could read what was recorded before. With TLS 1.3 each session has a key
// exchange of its own, resumed or not (RFC 8446 section 2.2).
func (c *choice) configFor(hello *tls.ClientHelloInfo, now func() time.Time) *tls.Config {
	if c.resumption == nil || !slices.Contains(hello.SupportedVersions, tls.VersionTLS13) {
		return c.config
	}
	// Rather a full handshake than one with keys of nobody's making.
	return cmp.Or(c.resumption.at(now()), c.config)
}

func probeOf(conn net.Conn) *probe {
	if below, ok := conn.(*nowait.Conn); ok {
		p, _ := below.Conn.(*probe)
		return p
	}
	return nil
}

// Hello is what is known of a TLS handshake, also of one that failed.
type Hello struct {
	// ServerName in lower case; empty when the client sent none or was not
	// understood.
	ServerName string
	// Listener that serves the name; empty when there is none.
	Listener string
	// Certificate that the client showed and that was refused; nil otherwise.
	// Nobody has vouched for what it says.
	Certificate *x509.Certificate
	// Shown is the certificate that the client showed, which the listener's CAs
	// have verified, and which the client has proved to have the key of; nil
	// otherwise.
	Shown *clientcert.Certificate
	// Silent is true when the client left without having said anything, as the
	// health checks of load balancers do.
	Silent bool
}

// probe remembers the choice that crypto/tls was told, so that also a failed
// handshake can be attributed.
type probe struct {
	net.Conn
	hello  Hello
	chosen *choice
	heard  bool
	// effort is nil behind the handshake, and where none needs a turn.
	effort *effort
}

func (p *probe) Read(b []byte) (int, error) {
	p.effort.pause()
	n, err := p.Conn.Read(b)
	p.heard = p.heard || n > 0
	if err == nil {
		err = p.effort.resume()
	}
	return n, err
}

func (p *probe) Write(b []byte) (int, error) {
	p.effort.sent(b)
	return p.Conn.Write(b)
}

// rest ends the effort, whatever has ended the handshake.
func (p *probe) rest() {
	p.effort.pause()
	p.effort = nil
}

// CloseWrite ends our direction of the connection, as far as it can. Who has a
// tls.Conn gets here by NetConn.
func (p *probe) CloseWrite() error {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// NetConn is the connection below.
func (p *probe) NetConn() net.Conn { return p.Conn }

// Handshake speaks TLS as server within the deadline that the caller has set on
// conn. It takes the turn before it computes and gives it back whenever it waits
// for the client; nil needs none. What it returns is on top of a nowait.Conn. The
// error is an *outcome.Refusal; conn is then for the caller to close.
func (f *Front) Handshake(ctx context.Context, conn net.Conn, turn Turn) (*tls.Conn, Hello, error) {
	p := &probe{Conn: conn}
	if turn != nil {
		p.effort = &effort{turn: turn}
		defer p.rest()
	}
	secure := tls.Server(nowait.Wrap(p), f.config)
	// The deadline ends a handshake; a context that can be done would cost a
	// goroutine for each.
	err := secure.HandshakeContext(context.WithoutCancel(ctx))
	if p.chosen != nil {
		p.hello.Listener = p.chosen.listener
	}
	if err == nil {
		return secure, p.hello, nil
	}
	p.hello.Silent = !p.heard
	// Verified it may be, but whose it is nobody has proved.
	p.hello.Shown = nil
	return nil, p.hello, p.refusal(err)
}

func (p *probe) refusal(err error) *outcome.Refusal {
	var notTLS tls.RecordHeaderError
	switch {
	case p.effort.refused() != nil:
		return p.effort.refused()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return outcome.Refuse(outcome.HandshakeTimeout, "TLS handshake not complete in time")
	case !p.heard:
		return outcome.Refuse(outcome.ClientGone, "connection ended before the TLS handshake")
	case errors.As(err, &notTLS):
		if looksLikeHTTP(notTLS.RecordHeader) {
			answerPlainHTTP(p.Conn)
			return outcome.Refuse(outcome.TLSHandshakeFailed, "client speaks HTTP without TLS")
		}
		return outcome.Refuse(outcome.TLSHandshakeFailed, "client does not speak TLS")
	case p.chosen == nil && p.hello.ServerName != "":
		return outcome.Refuse(outcome.UnknownServerName, "no listener has this name")
	case p.chosen != nil && !p.chosen.served:
		return outcome.Refuse(outcome.NoCertificate, "listener %q has no certificate yet", p.chosen.listener)
	case errors.Is(err, io.EOF):
		return outcome.Refuse(outcome.ClientGone, "connection ended within the TLS handshake")
	}
	return p.failed(err)
}

// failed is a handshake that one side has ended with an alert.
func (p *probe) failed(err error) *outcome.Refusal {
	if p.chosen != nil && p.chosen.clients != nil && ofClientCertificate(err) {
		return p.chosen.clients.refusal(err)
	}
	return outcome.Refuse(outcome.TLSHandshakeFailed, "%v", err)
}

// looksLikeHTTP tells the start of a request by the first five bytes.
func looksLikeHTTP(record [5]byte) bool {
	beginnings := []string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "CONNE", "PATCH", "DELET", "TRACE", "PRI *"}
	return slices.Contains(beginnings, string(record[:]))
}

func answerPlainHTTP(conn net.Conn) {
	const text = "this port speaks TLS: use wss://\n"
	// The client may be gone already; there is nobody else to tell.
	_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n"+
		"Content-Length: 33\r\n\r\n"+text)
}
