// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/bench/load"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const (
	hostname = "ws.example.com"
	issuer   = "https://id.example.com"
	audience = "bench"
	secret   = "public-tls"
)

// scene is what all contenders are given: the certificate, the backend, the
// programs.
type scene struct {
	tb     testing.TB
	folder string
	// pod is the program of the gateway.
	pod     string
	backend string
	ca      *wstest.CA
	pair    wstest.Pair
	root    *wstest.Root
	keys    string
	target  load.Target
	// rate is half load, in messages per second; 0 until it is known.
	rate float64
	// part is the one that is measured.
	part string
	// profiles is a folder for profiles of the gateway's processor time, whose price
	// is then in the figures; empty for none.
	profiles string
}

// newScene builds the programs, and starts the backend.
func newScene(tb testing.TB) *scene {
	tb.Helper()
	s := &scene{tb: tb, folder: tb.TempDir(), ca: wstest.NewCA(tb), root: wstest.NewRoot(tb)}
	s.pair = s.ca.Issue(tb, hostname)
	s.pod = s.build("./test/bench/pod")
	s.target = load.Target{
		Host: hostname, Path: "/chat",
		CAFile: s.file("ca.pem", string(s.ca.PEM)), TokenFile: s.file("tokens", s.sign()),
	}
	s.backend = freeAddress(tb)
	echo, err := start("echo", exec.CommandContext(tb.Context(), s.build("./test/echo"), "--listen", s.backend), 1)
	s.must(err)
	tb.Cleanup(func() { _ = echo.end() })
	s.must(echo.listens(tb.Context(), s.backend))
	return s
}

func (s *scene) must(err error) {
	s.tb.Helper()
	if err != nil {
		s.tb.Fatal(err)
	}
}

// build makes a program of this repository as a release is made.
func (s *scene) build(path string) string {
	s.tb.Helper()
	program := filepath.Join(s.folder, filepath.Base(path))
	command := exec.CommandContext(s.tb.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, path)
	command.Dir = filepath.Join("..", "..")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		s.tb.Fatalf("build %s: %v\n%s", path, err, out)
	}
	return program
}

func (s *scene) file(name, content string) string {
	s.tb.Helper()
	path, err := write(s.folder, name, content)
	s.must(err)
	return path
}

// chain writes certificate and key to one file, as HAProxy wants it.
func (s *scene) chain(folder string) (path string, err error) {
	return write(folder, "pair.pem", string(s.pair.Certificate)+string(s.pair.Key))
}

// callers have a token each: no two connections of a part are of the same identity.
const callers = 8192

// sign makes a key set and tokens that it verifies, one a line.
func (s *scene) sign() string {
	s.tb.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	key, err := jwk.Import(private)
	s.must(err)
	s.must(key.Set(jwk.KeyIDKey, "one"))
	public, err := key.PublicKey()
	s.must(err)
	set := jwk.NewSet()
	s.must(set.AddKey(public))
	keys, err := json.Marshal(set)
	s.must(err)
	s.keys = string(keys)
	var tokens strings.Builder
	for i := range callers {
		token, err := jwt.NewBuilder().Issuer(issuer).Audience([]string{audience}).Subject(fmt.Sprintf("user-%d", i)).
			IssuedAt(time.Now()).Expiration(time.Now().Add(12 * time.Hour)).Build()
		s.must(err)
		signed, err := jwt.Sign(token, jwt.WithKey(jwa.ES256(), key))
		s.must(err)
		tokens.Write(append(signed, '\n'))
	}
	return tokens.String()
}

// configure writes what the operator would write for the gateway.
func (s *scene) configure(address string, relay contract.Relay) error {
	_, text, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	port, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return err
	}
	config := contract.Config{
		Gateway: contract.GatewayRef{Namespace: "bench", Name: "edge"},
		Listeners: []contract.Listener{{
			Name: "public", Port: int32(port), BindPort: int32(port), Hostnames: []string{hostname},
			MinTLSVersion: "1.2", CertificateSecret: secret,
		}},
		Policies: []contract.Policy{{Name: "users", Methods: []contract.Method{{JWT: &contract.JWT{
			Issuer: issuer, Audiences: []string{audience}, Algorithms: []string{"ES256"},
			KeySet: contract.KeySet{Inline: s.keys}, From: []contract.Source{{Header: "Authorization"}},
		}}}}},
		Routes: []contract.Route{{
			Name: "chat", Hostnames: []string{hostname}, Path: contract.Path{Prefix: "/chat"}, Policy: "users",
			Relay: relay, Backends: []contract.Backend{{Name: "echo"}},
		}},
	}
	s.root.TLSSecret(s.tb, secret, s.pair)
	s.root.Config(s.tb, config, contract.Endpoints{
		Backends: map[string]contract.BackendEndpoints{"echo": {Addresses: []string{s.backend}}},
	})
	return nil
}

func freeAddress(tb testing.TB) string {
	tb.Helper()
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}
