// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"context"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// issuerServer is the server of an issuer's keys.
type issuerServer struct {
	*httptest.Server

	fetches atomic.Int64
	// answer is what the next fetches get.
	answer atomic.Value // http.HandlerFunc
}

func newIssuerServer(t *testing.T, document string) *issuerServer {
	t.Helper()
	s := &issuerServer{}
	s.serve(document)
	s.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fetches.Add(1)
		s.answer.Load().(http.HandlerFunc)(w, r)
	}))
	// What a client that does not trust us makes the server say is no news.
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(s.Close)
	return s
}

func (s *issuerServer) serve(document string) {
	s.does(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(document)) })
}

func (s *issuerServer) does(answer http.HandlerFunc) { s.answer.Store(answer) }

func (s *issuerServer) ca() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}))
}

func (s *issuerServer) method() contract.Method {
	return jwtMethod("", func(m *contract.JWT) {
		m.KeySet = contract.KeySet{URI: s.URL + "/keys?client=secret-parameter", CABundle: s.ca()}
	})
}

// remote is a policy with the server's key set and what belongs to it.
type remote struct {
	*authn.Policy

	sets    *authn.KeySets
	now     *clock
	log     *wstest.Journal
	fetched chan error
}

func newRemote(t *testing.T, method contract.Method, changes ...func(*authn.KeySetOptions)) remote {
	t.Helper()
	r := remote{now: newClock(), log: &wstest.Journal{}, fetched: make(chan error, 100)}
	options := authn.KeySetOptions{
		Now: r.now.Now, Logger: slog.New(slog.NewTextHandler(r.log, nil)),
		Fetched: func(err error) { r.fetched <- err },
	}
	for _, change := range changes {
		change(&options)
	}
	r.sets = authn.NewKeySets(options)
	t.Cleanup(r.sets.Close)
	c := methods(method)
	c.Name = "users"
	r.Policy, _ = authn.NewPolicy(&c, nil, nil, r.sets)
	return r
}

// authenticate returns the reason of the refusal, empty when let in.
func (r remote) authenticate(t *testing.T, token string) outcome.Reason {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := r.Authenticate(ctx, bearer(token))
	return reason(t, err)
}

func TestFirstTokenWaitsForTheKeySet(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	server := newIssuerServer(t, jwks(key.jwk()))
	r := newRemote(t, server.method())
	var waiting sync.WaitGroup
	for range 20 {
		waiting.Go(func() {
			if got := r.authenticate(t, key.token(nil)); got != "" {
				t.Errorf("refused with %s", got)
			}
		})
	}
	waiting.Wait()
	if got := server.fetches.Load(); got != 1 {
		t.Errorf("%d fetches for 20 callers, want 1", got)
	}
}

func TestNewKeyOfTheIssuerIsFetchedOncePerTenSeconds(t *testing.T) {
	t.Parallel()
	old, fresh, unknown := ecKey(t, "old"), ecKey(t, "fresh"), ecKey(t, "unknown")
	server := newIssuerServer(t, jwks(old.jwk()))
	r := newRemote(t, server.method())
	if got := r.authenticate(t, old.token(nil)); got != "" {
		t.Fatalf("old key: %s", got)
	}
	server.serve(jwks(old.jwk(), fresh.jwk()))
	for range 5 {
		if got := r.authenticate(t, fresh.token(nil)); got != outcome.BadCredential {
			t.Errorf("key that appeared just after a fetch: %q, want %s", got, outcome.BadCredential)
		}
	}
	if got := server.fetches.Load(); got != 1 {
		t.Errorf("%d fetches within ten seconds, want 1", got)
	}
	r.now.Advance(10 * time.Second)
	if got := r.authenticate(t, fresh.token(nil)); got != "" {
		t.Errorf("after ten seconds: refused with %s", got)
	}
	// Anybody can make tokens with an unknown kid.
	for range 50 {
		if got := r.authenticate(t, unknown.token(nil)); got != outcome.BadCredential {
			t.Errorf("unknown key: %q, want %s", got, outcome.BadCredential)
		}
	}
	if got := server.fetches.Load(); got != 2 {
		t.Errorf("%d fetches in all, want 2", got)
	}
}

func TestAFloodOfUnknownKeysSharesOneFetch(t *testing.T) {
	t.Parallel()
	key, unknown := ecKey(t, "k1"), ecKey(t, "unknown")
	server := newIssuerServer(t, jwks(key.jwk()))
	r := newRemote(t, server.method())
	if got := r.authenticate(t, key.token(nil)); got != "" {
		t.Fatal(got)
	}
	release := make(chan struct{})
	server.does(func(w http.ResponseWriter, _ *http.Request) {
		<-release
		_, _ = w.Write([]byte(jwks(key.jwk())))
	})
	r.now.Advance(time.Minute)
	var flood sync.WaitGroup
	for range 50 {
		flood.Go(func() {
			if got := r.authenticate(t, unknown.token(nil)); got != outcome.BadCredential {
				t.Errorf("unknown key: %q", got)
			}
		})
	}
	// Those with a known key do not wait for the fetch.
	if got := r.authenticate(t, key.token(nil)); got != "" {
		t.Errorf("known key during the fetch: %s", got)
	}
	close(release)
	flood.Wait()
	if got := server.fetches.Load(); got != 2 {
		t.Errorf("%d fetches, want 2", got)
	}
}

func TestServersThatGiveNoKeySet(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	document := jwks(key.jwk())
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(document)) }))
	t.Cleanup(plain.Close)
	body := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
	}
	tests := map[string]http.HandlerFunc{
		"an error":                 func(w http.ResponseWriter, _ *http.Request) { http.Error(w, document, http.StatusInternalServerError) },
		"an empty answer":          body(""),
		"a page":                   body("<html>"),
		"a private key":            body(jwks(key.with(map[string]any{"d": "AAAA"}))),
		"a symmetric key":          body(jwks(key.jwk(), map[string]any{"kty": "oct", "k": "AAAA"})),
		"too big":                  body(jwks(key.with(map[string]any{"fill": strings.Repeat("x", authn.MaxFetchedKeySetBytes)}))),
		"a redirect without https": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, plain.URL, http.StatusFound) },
		"endless redirects":        func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		"a connection cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(document))
		},
	}
	for name, answer := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newIssuerServer(t, "")
			server.does(answer)
			r := newRemote(t, server.method())
			if got := r.authenticate(t, key.token(nil)); got != outcome.AuthUnavailable {
				t.Errorf("refused with %q, want %s", got, outcome.AuthUnavailable)
			}
			checkUnavailable(t, r, false)
			if got := server.fetches.Load(); got > 5 {
				t.Errorf("%d requests for one fetch", got)
			}
		})
	}
}

// checkUnavailable checks what is said of a key set that cannot be fetched.
func checkUnavailable(t *testing.T, r remote, serving bool) {
	t.Helper()
	problems := r.Problems()
	if len(problems) != 1 || problems[0].Reason != contract.ProblemKeySetUnavailable || problems[0].Policy != "users" || problems[0].Serving != serving {
		t.Fatalf("Problems() = %+v, want one %s with serving %t", problems, contract.ProblemKeySetUnavailable, serving)
	}
	if said := problems[0].Message + r.log.String(); strings.Contains(said, "secret-parameter") {
		t.Errorf("the query of the address is in %q", said)
	}
	if r.log.String() == "" {
		t.Error("nothing was logged")
	}
}

func TestServersThatAreNotTrusted(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(jwks(key.jwk()))) }))
	t.Cleanup(plain.Close)
	tests := map[string]func(*contract.JWT){
		"not signed by a public CA": func(m *contract.JWT) { m.KeySet.CABundle = "" },
		"a CA bundle that is none":  func(m *contract.JWT) { m.KeySet.CABundle = "x" },
		"no https":                  func(m *contract.JWT) { m.KeySet.URI = plain.URL + "/?secret-parameter" },
	}
	for name, edit := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := newIssuerServer(t, jwks(key.jwk()))
			method := server.method()
			edit(method.JWT)
			r := newRemote(t, method)
			if got := r.authenticate(t, key.token(nil)); got != outcome.AuthUnavailable {
				t.Errorf("refused with %q, want %s", got, outcome.AuthUnavailable)
			}
			checkUnavailable(t, r, false)
			if got := server.fetches.Load(); got != 0 {
				t.Errorf("%d requests reached the server", got)
			}
		})
	}
}

func TestKeySetThatCannotBeRenewedStaysInForce(t *testing.T) {
	t.Parallel()
	key, unknown := ecKey(t, "k1"), ecKey(t, "unknown")
	server := newIssuerServer(t, jwks(key.jwk()))
	r := newRemote(t, server.method())
	if got := r.authenticate(t, key.token(nil)); got != "" {
		t.Fatal(got)
	}
	server.serve("{}")
	r.now.Advance(10 * time.Second)
	if got := r.authenticate(t, unknown.token(nil)); got != outcome.BadCredential {
		t.Errorf("unknown key: %q, want %s", got, outcome.BadCredential)
	}
	if got := r.authenticate(t, key.token(nil)); got != "" {
		t.Errorf("known key: refused with %s", got)
	}
	checkUnavailable(t, r, true)

	server.serve(jwks(key.jwk(), unknown.jwk()))
	r.now.Advance(10 * time.Second)
	if got := r.authenticate(t, unknown.token(nil)); got != "" {
		t.Errorf("after the repair: refused with %s", got)
	}
	if problems := r.Problems(); len(problems) != 0 {
		t.Errorf("problems after the repair: %+v", problems)
	}
}

func TestKeySetThatFailedAtFirstIsTriedAgain(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	server := newIssuerServer(t, "")
	r := newRemote(t, server.method())
	if err := <-r.fetched; err == nil {
		t.Fatal("fetch of an empty document succeeded")
	}
	if got := r.authenticate(t, key.token(nil)); got != outcome.AuthUnavailable {
		t.Errorf("before the repair: %q, want %s", got, outcome.AuthUnavailable)
	}
	server.serve(jwks(key.jwk()))
	if err := <-r.fetched; err != nil {
		t.Fatalf("second fetch: %v", err)
	}
	if got := r.authenticate(t, key.token(nil)); got != "" {
		t.Errorf("after the repair: refused with %s", got)
	}
}

func TestCallerDoesNotWaitLongerThanItsContext(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := newIssuerServer(t, "")
	server.does(func(http.ResponseWriter, *http.Request) { <-release })
	r := newRemote(t, server.method())
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.Authenticate(ctx, bearer(ecKey(t, "k1").token(nil))); reason(t, err) != outcome.AuthUnavailable {
		t.Errorf("Authenticate() = %v, want %s", err, outcome.AuthUnavailable)
	}
	// A fetch that hangs does not hold up the end either.
	r.sets.Close()
}

func TestKeySetsAreSharedAndGivenUp(t *testing.T) {
	t.Parallel()
	key, fresh := ecKey(t, "k1"), ecKey(t, "fresh")
	server := newIssuerServer(t, jwks(key.jwk()))
	r := newRemote(t, server.method())
	if got := r.authenticate(t, key.token(nil)); got != "" {
		t.Fatal(got)
	}
	c := methods(server.method(), contract.Method{Anonymous: &contract.Anonymous{}})
	c.Name = "users"
	second := r
	second.Policy, _ = authn.NewPolicy(&c, r.Policy, nil, r.sets)
	r.sets.Keep(second.Policy)
	if got := second.authenticate(t, key.token(nil)); got != "" {
		t.Errorf("changed policy: refused with %s", got)
	}
	if got := server.fetches.Load(); got != 1 {
		t.Errorf("%d fetches for one address, want 1", got)
	}

	r.sets.Keep()
	server.serve(jwks(key.jwk(), fresh.jwk()))
	r.now.Advance(time.Hour)
	if got := second.authenticate(t, key.token(nil)); got != "" {
		t.Errorf("policy that is no longer in force, key that it has: refused with %s", got)
	}
	if got := second.authenticate(t, fresh.token(nil)); got != outcome.BadCredential {
		t.Errorf("policy that is no longer in force, key that it has not: %q", got)
	}
	if got := server.fetches.Load(); got != 1 {
		t.Errorf("%d fetches, want none after the set was given up", got)
	}
	third := r
	third.Policy, _ = authn.NewPolicy(&c, nil, nil, r.sets)
	if got := third.authenticate(t, fresh.token(nil)); got != "" {
		t.Errorf("policy that needs it again: refused with %s", got)
	}
	r.sets.Close()
	r.sets.Close()
	late, fetches := r, server.fetches.Load()
	late.Policy, _ = authn.NewPolicy(&c, nil, nil, r.sets)
	if got := late.authenticate(t, key.token(nil)); got != outcome.AuthUnavailable {
		t.Errorf("policy made after Close: %q, want %s", got, outcome.AuthUnavailable)
	}
	if got := server.fetches.Load(); got != fetches {
		t.Errorf("%d fetches after Close", got-fetches)
	}
	if problems := late.Problems(); len(problems) != 0 {
		t.Errorf("problems of a key set that nobody tried to fetch: %+v", problems)
	}
}
