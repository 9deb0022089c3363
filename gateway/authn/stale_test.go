// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package authn_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestKeySetThatCouldNotBeFetchedForADayAdmitsNobodyNew(t *testing.T) {
	t.Parallel()
	key := ecKey(t, "k1")
	server := newIssuerServer(t, jwks(key.jwk()))
	r := newRemote(t, server.method())
	token := key.token(map[string]any{"exp": noon.Add(100 * time.Hour).Unix()})
	admitted, err := r.Authenticate(t.Context(), bearer(token))
	if err != nil {
		t.Fatal(err)
	}
	server.serve("<html>")
	r.now.Advance(authn.MaxKeySetAge - time.Second)
	if got := r.authenticate(t, token); got != "" {
		t.Errorf("a second before its time: refused with %s", got)
	}
	r.now.Advance(time.Second)
	before := server.fetches.Load()
	var crowd sync.WaitGroup
	for range 20 {
		crowd.Go(func() {
			if got := r.authenticate(t, token); got != outcome.AuthUnavailable {
				t.Errorf("at its time: %q, want %s", got, outcome.AuthUnavailable)
			}
		})
	}
	crowd.Wait()
	// One for the crowd; those that the set makes by itself are a second apart.
	if got := server.fetches.Load() - before; got < 1 || got > 4 {
		t.Errorf("%d fetches", got)
	}
	checkUnavailable(t, r, false)
	if message := r.Problems()[0].Message; !strings.Contains(message, "older than 24h0m0s") {
		t.Errorf("Problems() = %q", message)
	}
	if got := strings.Count(r.log.String(), "too old to be believed"); got != 1 {
		t.Errorf("said %d times that the keys are too old", got)
	}
	// An outage is no reason to believe that somebody lost a right.
	if err := r.Reconsider(admitted.Proof); err != nil {
		t.Errorf("Reconsider() = %v", err)
	}

	server.serve(jwks(key.jwk()))
	r.now.Advance(10 * time.Second)
	if got := r.authenticate(t, token); got != "" {
		t.Errorf("after the repair: refused with %s", got)
	}
	if problems := r.Problems(); len(problems) != 0 {
		t.Errorf("problems after the repair: %+v", problems)
	}
}

// A machine that slept for a day has done nothing wrong: the first caller asks
// the issuer again.
func TestKeySetThatNobodyTriedToFetchForADayIsFetchedForTheFirstCaller(t *testing.T) {
	t.Parallel()
	old, fresh := ecKey(t, "old"), ecKey(t, "fresh")
	server := newIssuerServer(t, jwks(old.jwk()))
	r := newRemote(t, server.method())
	expiry := map[string]any{"exp": noon.Add(100 * time.Hour).Unix()}
	if got := r.authenticate(t, old.token(expiry)); got != "" {
		t.Fatal(got)
	}
	server.serve(jwks(fresh.jwk()))
	r.now.Advance(authn.MaxKeySetAge)
	if got := r.authenticate(t, old.token(expiry)); got != outcome.BadCredential {
		t.Errorf("key withdrawn meanwhile: %q, want %s", got, outcome.BadCredential)
	}
	if got := r.authenticate(t, fresh.token(expiry)); got != "" {
		t.Errorf("new key: refused with %s", got)
	}
}
