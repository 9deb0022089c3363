// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// Names of three listeners that share a port: the first two ask for certificates
// of different CAs, the third for none.
const (
	firstName  = "first.example.com"
	secondName = "second.example.com"
	freeName   = "free.example.com"
)

// startCrossing runs a gateway in which one route is behind all three listeners.
func startCrossing(t *testing.T, first, second *wstest.CA) (*running, *wstest.Upstream) {
	t.Helper()
	server, root, echo := wstest.NewCA(t), wstest.NewRoot(t), wstest.Echo(t)
	config := baseConfig()
	listener := config.Listeners[0]
	config.Listeners = nil
	for _, one := range []struct {
		name, hostname string
		asked          *contract.ClientCertificates
	}{{"public", firstName, askFor(true, first)}, {"modern", secondName, askFor(true, second)}, {"other", freeName, nil}} {
		listener.Name, listener.Hostnames, listener.ClientCertificates = one.name, []string{one.hostname}, one.asked
		config.Listeners = append(config.Listeners, listener)
	}
	config.Routes[0].Hostnames = []string{firstName, secondName, freeName}
	root.TLSSecret(t, "public-tls", server.Issue(t, firstName, secondName, freeName))
	root.Config(t, config, endpoints(echo.Address))
	return start(t, root, server, nil), echo
}

// wallet is a client's cache that offers every session to every server.
type wallet struct{ session *tls.ClientSessionState }

// Get implements tls.ClientSessionCache.
func (w *wallet) Get(string) (*tls.ClientSessionState, bool) { return w.session, w.session != nil }

// Put implements tls.ClientSessionCache.
func (w *wallet) Put(_ string, session *tls.ClientSessionState) { w.session = session }

func TestOneListenersCertificateIsWorthNothingAtAnother(t *testing.T) {
	t.Parallel()
	first, second := wstest.NewCA(t), wstest.NewCA(t)
	r, echo := startCrossing(t, first, second)
	ofFirst, ofSecond := forgerOf(t, first).issue(t, uris(alice)), forgerOf(t, second).issue(t, uris(alice))
	both := forgerOf(t, first).issue(t, uris(alice))
	both.Certificate = append(both.Certificate, ofSecond.Certificate...)
	const silent, misdirected = outcome.ClientCertificateInvalid, outcome.Misdirected
	for i, row := range []struct {
		name  string
		sni   string
		shown *tls.Certificate
		host  string
		want  outcome.Reason
	}{
		{"its own", firstName, ofFirst, firstName, ""},
		{"its own, with a port", firstName, ofFirst, firstName + ":443", ""},
		{"the other's own", secondName, ofSecond, secondName, ""},
		{"none where none is asked", freeName, nil, freeName, ""},
		{"one where none is asked", freeName, ofFirst, freeName, ""},
		{"the first's at the second", secondName, ofFirst, secondName, silent},
		{"the second's at the first", firstName, ofSecond, firstName, silent},
		{"both at the second", secondName, both, secondName, silent},
		{"through the first to the second", firstName, ofFirst, secondName, misdirected},
		{"through the second to the first", secondName, ofSecond, firstName, misdirected},
		{"through the free one to the first", freeName, nil, firstName, misdirected},
		{"through the free one to the first, with its certificate", freeName, ofFirst, firstName, misdirected},
		{"through the free one to the first, with a port", freeName, ofFirst, firstName + ":443", misdirected},
		{"through the free one to the first, in capitals", freeName, nil, strings.ToUpper(firstName), misdirected},
		{"through the free one to the first, with a dot", freeName, nil, firstName + ".", misdirected},
		{"through the first to a stranger", firstName, ofFirst, "elsewhere.example.com", misdirected},
		{"through the first to an address", firstName, ofFirst, "127.0.0.1", misdirected},
		{"a name that nobody has", "elsewhere.example.com", ofFirst, firstName, outcome.UnknownServerName},
		{"no name", "", ofFirst, firstName, outcome.TLSHandshakeFailed},
	} {
		for j, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(row.name+", "+tls.VersionName(version), func(t *testing.T) {
				before, n := echo.Accepted(), 2*i+j
				got := r.strikeAs(n, func(c *tls.Config) {
					showing(row.shown, version)(c)
					if c.ServerName = row.sni; row.sni == "" {
						c.InsecureSkipVerify = true
					}
				}, request("Host: "+row.host))
				got.fits(t, row.want, attackTime)
				if reached := echo.Accepted() - before; (reached == 1) != (row.want == "") {
					t.Errorf("the backend was reached %d times", reached)
				}
			})
		}
	}
	r.end(t)
	r.unharmed(t)
}

func TestNoSessionLeadsFromOneListenerToAnother(t *testing.T) {
	t.Parallel()
	first, second := wstest.NewCA(t), wstest.NewCA(t)
	r, echo := startCrossing(t, first, second)
	mine := forgerOf(t, first).issue(t, uris(alice))
	for i, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for j, begin := range []struct {
			sni   string
			shown *tls.Certificate
		}{{freeName, nil}, {firstName, mine}} {
			carried, resumed := &wallet{}, false
			visit := func(n int, name string, shown *tls.Certificate) answer {
				return r.strikeAs(n, func(c *tls.Config) {
					showing(shown, version)(c)
					c.ServerName, c.ClientSessionCache = name, carried
					c.VerifyConnection = func(state tls.ConnectionState) error {
						resumed = resumed || state.DidResume
						return nil
					}
				}, request("Host: "+name))
			}
			n := 10 * (2*i + j)
			entered := visit(n, begin.sni, begin.shown)
			entered.fits(t, "", attackTime)
			reached := echo.Accepted()
			for k, name := range []string{firstName, secondName} {
				got := visit(n+1+k, name, nil)
				got.fits(t, outcome.ClientCertificateRequired, attackTime)
			}
			if echo.Accepted() != reached || resumed {
				t.Errorf("%s, from %s: a session was resumed: %v; the backend was reached: %v", tls.VersionName(version), begin.sni, resumed, echo.Accepted() != reached)
			}
		}
	}
}

func TestWhoShowedACertificateBeforeItsCAWasWithdrawnAndAsksAfter(t *testing.T) {
	t.Parallel()
	old, fresh := wstest.NewCA(t), wstest.NewCA(t)
	r, echo := startBase(t, withCertificates(true, old))
	conn := r.speakTLSWith(t, with(t, workload(t, old, alice)))
	if err := conn.Handshake(); err != nil {
		t.Fatal(err)
	}
	config := baseConfig()
	withCertificates(true, fresh)(&config)
	r.put(t, echo, config)
	if _, err := io.WriteString(conn, request()); err != nil {
		t.Fatal(err)
	}
	if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err == nil {
		t.Errorf("answered with %s", response.Status)
	}
	if n := echo.Accepted(); n != 0 {
		t.Errorf("the backend was reached %d times", n)
	}
	r.end(t)
	if denied := r.audit.records(t, audit.EventDenied); len(denied) != 1 || denied[0].Reason != outcome.ClientCertificateInvalid {
		t.Errorf("records: %v", denied)
	}
}

// speakTLSWith is speakTLS with another configuration.
func (r *running) speakTLSWith(t *testing.T, change func(*tls.Config)) *tls.Conn {
	t.Helper()
	config := &tls.Config{RootCAs: r.ca.Pool, ServerName: "ws.example.com"}
	change(config)
	conn, err := net.Dial("tcp", r.addresses["public"])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(strangerTime)); err != nil {
		t.Fatal(err)
	}
	return tls.Client(conn, config)
}

// sealer writes records of TLS 1.3 as a client after its handshake, with what
// crypto/tls would never send.
type sealer struct {
	aead cipher.AEAD
	iv   []byte
	next uint64
}

// newSealer takes the secret of the client out of a key log. It speaks
// TLS_AES_128_GCM_SHA256 alone (RFC 8446 section 7.3).
func newSealer(t *testing.T, keys string) *sealer {
	t.Helper()
	var secret []byte
	for line := range strings.Lines(keys) {
		if words := strings.Fields(line); words[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, _ = hex.DecodeString(words[2])
		}
	}
	derive := func(label string, size int) []byte {
		info := append(binary.BigEndian.AppendUint16(nil, uint16(size)), byte(len("tls13 "+label)))
		info = append(append(info, "tls13 "+label...), 0)
		derived, err := hkdf.Expand(sha256.New, secret, string(info), size)
		if err != nil {
			t.Fatal(err)
		}
		return derived
	}
	block, err := aes.NewCipher(derive("key", 16))
	if err != nil {
		t.Fatal(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return &sealer{aead: aead, iv: derive("iv", 12)}
}

// record is one record of a type (RFC 8446 section 5.2).
func (s *sealer) record(kind byte, data []byte) []byte {
	nonce := bytes.Clone(s.iv)
	for i := range 8 {
		nonce[4+i] ^= byte(s.next >> (56 - 8*i))
	}
	s.next++
	inner := append(bytes.Clone(data), kind)
	header := binary.BigEndian.AppendUint16([]byte{23, 3, 3}, uint16(len(inner)+s.aead.Overhead()))
	return append(header, s.aead.Seal(nil, nonce, inner, header)...)
}

// What clients may send in TLS after the handshake gives nobody another identity,
// and keeps nobody busy.
func TestNothingIsNegotiatedAfterTheHandshake(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	shown := workload(t, ca, alice)
	message := func(kind byte, body ...byte) []byte {
		return append([]byte{kind, byte(len(body) >> 16), byte(len(body) >> 8), byte(len(body))}, body...)
	}
	certificate := append([]byte{0, 0, byte((len(shown.Leaf.Raw) + 5) >> 8), byte(len(shown.Leaf.Raw) + 5), 0, byte(len(shown.Leaf.Raw) >> 8), byte(len(shown.Leaf.Raw))}, shown.Leaf.Raw...)
	const handshakes, alerts = 22, 21
	for name, attack := range map[string]func(s *sealer) [][]byte{
		"a certificate that nobody asked for": func(s *sealer) [][]byte {
			return [][]byte{s.record(handshakes, message(11, append(certificate, 0, 0)...))}
		},
		"another ClientHello":       func(s *sealer) [][]byte { return [][]byte{s.record(handshakes, message(1, make([]byte, 64)...))} },
		"another Finished":          func(s *sealer) [][]byte { return [][]byte{s.record(handshakes, message(20, make([]byte, 32)...))} },
		"a ticket":                  func(s *sealer) [][]byte { return [][]byte{s.record(handshakes, message(4, make([]byte, 32)...))} },
		"a key update of no kind":   func(s *sealer) [][]byte { return [][]byte{s.record(handshakes, message(24, 7))} },
		"a message without an end":  func(s *sealer) [][]byte { return [][]byte{s.record(handshakes, []byte{24, 0xff, 0xff, 0xff})} },
		"a record that is no right": func(s *sealer) [][]byte { s.next = 9; return [][]byte{s.record(handshakes, message(24, 0))} },
		"a thousand empty records": func(s *sealer) (list [][]byte) {
			for range 1000 {
				list = append(list, s.record(23, nil))
			}
			return list
		},
		"a thousand warnings": func(s *sealer) (list [][]byte) {
			for range 1000 {
				list = append(list, s.record(alerts, []byte{1, 90}))
			}
			return list
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, echo := startBase(t, withCertificates(true, ca))
			var keys bytes.Buffer
			conn := r.speakTLSWith(t, func(c *tls.Config) {
				with(t, shown)(c)
				c.KeyLogWriter = &keys
			})
			if err := conn.Handshake(); err != nil {
				t.Fatal(err)
			}
			if suite := conn.ConnectionState().CipherSuite; suite != tls.TLS_AES_128_GCM_SHA256 {
				t.Fatalf("this test cannot speak %s", tls.CipherSuiteName(suite))
			}
			begin, below := time.Now(), conn.NetConn()
			s := newSealer(t, keys.String())
			for _, record := range attack(s) {
				if _, err := below.Write(record); err != nil {
					break // hung up already, as it should
				}
			}
			_, _ = below.Write(s.record(23, []byte(request())))
			answered, err := io.ReadAll(conn)
			if err == nil || bytes.Contains(answered, []byte("101 ")) {
				t.Errorf("%v: %q", err, answered)
			}
			if took := time.Since(begin); took > attackTime {
				t.Errorf("took %v", took)
			}
			if n := echo.Accepted(); n != 0 {
				t.Errorf("the backend was reached %d times", n)
			}
			r.end(t)
			r.unharmed(t)
			if denied := r.audit.records(t, audit.EventDenied); len(denied) != 1 || denied[0].Reason != outcome.ClientGone {
				t.Errorf("records: %v", denied)
			}
		})
	}
}
