// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package backendtls

import (
	"crypto/tls"
	"crypto/x509"
	"slices"
	"time"

	// The image of the gateway has an empty base: the public CAs come along.
	_ "golang.org/x/crypto/x509roots/fallback"

	"github.com/wsgateway/websocket-gateway-operator/gateway/ciphers"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// sessionsKept bounds the sessions that a profile remembers for one server name:
// crypto/tls files them by that name, so that more would never be found.
const sessionsKept = 1

// Files reads the mounted Secrets. A Secret or key that is missing is
// fs.ErrNotExist.
type Files interface {
	Read(secret, key string) ([]byte, error)
	List(secret string) ([]string, error)
}

// Options configure New. All fields are required but Previous.
type Options struct {
	// ServerNames are those that backends of the profile are asked for.
	ServerNames []string
	// Previous is the profile of the same name that has been in force, or nil.
	Previous *Profile
	Files    Files
	// Now is the clock, also of later handshakes.
	Now func() time.Time
}

// Profile is how TLS is spoken to backends. It is immutable and safe for
// concurrent use.
type Profile struct {
	// shown holds a private key.
	secret.Sealed

	bundles []contract.CABundle
	roots   *x509.CertPool // nil for the public CAs
	shown   *tls.Certificate
	// broken is true for a profile that nothing must be sent by.
	broken bool
	// configs by server name.
	configs map[string]*tls.Config
}

// New makes a profile. What it trusts follows c at once. A pair that is missing or
// malformed leaves the one before it in force; where there was none, the profile
// has no configurations. problem says what is wrong; nil if nothing is.
//
// Sessions with backends are remembered from the profile before only if nothing
// has changed by which they were verified: who resumes is not verified again.
func New(c *contract.BackendTLS, o Options) (profile *Profile, problem *contract.ReportProblem) {
	p := &Profile{bundles: c.Bundles, roots: trusted(c.Bundles), configs: map[string]*tls.Config{}}
	if c.CertificateSecret != "" {
		p.shown, problem = loadPair(c, o.Files, o.Now())
		if problem != nil && o.Previous != nil {
			p.shown = o.Previous.shown
			problem.Serving = p.shown != nil
		}
		p.broken = p.shown == nil
	}
	if p.broken {
		return p, problem
	}
	kept := p.sameAs(o.Previous)
	for _, name := range o.ServerNames {
		if kept && o.Previous.configs[name] != nil {
			p.configs[name] = o.Previous.configs[name]
			continue
		}
		p.configs[name] = p.config(name, o.Now)
	}
	return p, problem
}

// Config is what handshakes with a backend are made by; nil where there must be
// none. Nobody may change it. p may be nil.
func (p *Profile) Config(serverName string) *tls.Config {
	if p == nil {
		return nil
	}
	return p.configs[serverName]
}

// Usable is false for a profile that nothing must be sent by. p may be nil.
func (p *Profile) Usable() bool { return p != nil && !p.broken }

// trusted is nil for the public CAs. A bundle that cannot be read, although the
// operator could, leaves an empty pool: nobody must be trusted in its place.
func trusted(bundles []contract.CABundle) *x509.CertPool {
	if len(bundles) == 0 {
		return nil
	}
	pool := x509.NewCertPool()
	for _, bundle := range bundles {
		pool.AppendCertsFromPEM([]byte(bundle.Certificates))
	}
	return pool
}

// sameAs tells whether another profile trusts and shows the same.
func (p *Profile) sameAs(other *Profile) bool {
	if other == nil || other.broken || !slices.Equal(p.bundles, other.bundles) {
		return false
	}
	return slices.EqualFunc(chain(p.shown), chain(other.shown), slices.Equal[[]byte])
}

func chain(pair *tls.Certificate) [][]byte {
	if pair == nil {
		return nil
	}
	return pair.Certificate
}

func (p *Profile) config(serverName string, now func() time.Time) *tls.Config {
	config := &tls.Config{
		ServerName:   serverName,
		RootCAs:      p.roots,
		Time:         now,
		MinVersion:   tls.VersionTLS12,
		CipherSuites: ciphers.TLS12(),
		// A server that prefers HTTP/2 has to be told: there is no Upgrade in it.
		NextProtos:                  []string{"http/1.1"},
		DynamicRecordSizingDisabled: true,
		ClientSessionCache:          tls.NewLRUClientSessionCache(sessionsKept),
	}
	if shown := p.shown; shown != nil {
		// Shown whatever CAs the server says that it accepts: those lists are often
		// incomplete, and the server's refusal says more than our silence would.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return shown, nil }
	}
	return config
}
