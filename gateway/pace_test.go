// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/limits"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// statuses tries n times and counts the answers; 0 is none at all.
func (r *running) statuses(t *testing.T, n int, header http.Header) map[int]int {
	t.Helper()
	count := map[int]int{}
	for range n {
		conn, status, _ := r.try(t, header)
		if conn != nil {
			_ = conn.Close()
		}
		count[status]++
	}
	return count
}

func TestAnAddressThatIsTooFastIsClosedBeforeTLS(t *testing.T) {
	t.Parallel()
	clock := newStopped()
	r, echo := startBaseWith(t, func(c *contract.Config) {
		c.Limits = &contract.Limits{HandshakesPerSecondPerAddress: new(int32(1))}
	}, clock.tell)
	got := r.statuses(t, 15, nil)
	clock.put(3 * time.Second)
	for status, n := range r.statuses(t, 15, nil) {
		got[status] += n
	}
	// Ten at once, and one more for each second.
	if got[101] != 13 || got[0] != 17 {
		t.Errorf("answers %v", got)
	}
	if seen := len(echo.Requests()); seen != got[101] {
		t.Errorf("the backend saw %d requests", seen)
	}
	// Hot: the limit goes, and so does its effect, for an address with an empty
	// bucket too.
	r.put(t, echo, baseConfig())
	if got := r.statuses(t, 20, nil); got[101] != 20 {
		t.Errorf("without the limit: answers %v", got)
	}
	r.end(t)
	var refused uint64
	for _, record := range r.audit.records(t, "denied") {
		if record.Reason != outcome.RateOfAddress || record.HTTPStatus != 0 || record.Listener != "" {
			t.Errorf("record %v", record)
		}
		refused += record.Count
	}
	if int(refused) != got[0] {
		t.Errorf("%v refusals are on record, want %d", refused, got[0])
	}
}

func TestAPodThatGetsTooManyRequestsAnswers503(t *testing.T) {
	t.Parallel()
	clock := newStopped()
	r, echo := startBaseWith(t, func(c *contract.Config) {
		c.Limits = &contract.Limits{HandshakesPerSecond: new(int32(1))}
	}, clock.tell)
	got := r.statuses(t, 15, nil)
	clock.put(3 * time.Second)
	for status, n := range r.statuses(t, 15, nil) {
		got[status] += n
	}
	if got[101] != 13 || got[503] != 17 {
		t.Errorf("answers %v", got)
	}
	_, status, answer := r.try(t, nil)
	if seconds, err := strconv.Atoi(answer.Get("Retry-After")); status != 503 || err != nil || seconds < 5 || seconds > 10 {
		t.Errorf("status %d, Retry-After %q is not between 5 and 10", status, answer.Get("Retry-After"))
	}
	config := baseConfig()
	config.Limits = &contract.Limits{HandshakesPerSecond: new(int32(100_000))}
	r.put(t, echo, config)
	clock.put(time.Second)
	until(t, func() string {
		if _, status, _ := r.try(t, nil); status != 101 {
			return "the new rate does not hold"
		}
		return ""
	})
	r.end(t)
	if reasons := reasonsOf(r.audit.records(t, "denied")); slices.Compact(reasons)[0] != "handshake_rate" {
		t.Errorf("denied for %v", reasons)
	}
}

// startTried runs a gateway with a policy that somebody may try keys at, and one
// that admits everybody.
func startTried(t *testing.T, clock *stopped, limits *contract.Limits, changes ...func(*contract.Config)) *running {
	t.Helper()
	r, _ := startBaseWith(t, func(c *contract.Config) {
		withTokens(t, newIssuer(t))(c)
		c.Limits = limits
		c.Policies = append(c.Policies, contract.Policy{Name: "open", Methods: []contract.Method{{Anonymous: &contract.Anonymous{}}}})
		free := c.Routes[0]
		free.Name, free.Policy, free.Path = "free", "open", contract.Path{Prefix: "/free"}
		c.Routes = append(c.Routes, free)
		for _, change := range changes {
			change(c)
		}
	}, clock.tell)
	r.root.Secret(t, "keys", map[string][]byte{"device-1": []byte(aKey)})
	until(t, func() string {
		if len(r.report(t).Problems) > 0 {
			return "the keys are not there"
		}
		return ""
	})
	return r
}

func keyHeader(key string) http.Header {
	header := http.Header{}
	header.Set("X-API-Key", key)
	return header
}

func TestWhoShowsBadCredentialsAgainAndAgainHasToWait(t *testing.T) {
	t.Parallel()
	clock := newStopped()
	r := startTried(t, clock, &contract.Limits{HandshakesPerSecondPerAddress: new(int32(1000))})
	good, bad := keyHeader(aKey), keyHeader("00000000000000000000000000000000")

	// A success in between begins the count anew; nothing shown is no failure.
	for _, step := range []struct {
		header http.Header
		times  int
		want   int
	}{{bad, 4, 401}, {good, 1, 101}, {bad, 4, 401}, {nil, 20, 401}, {bad, 1, 401}} {
		if got := r.statuses(t, step.times, step.header); got[step.want] != step.times {
			t.Fatalf("answers %v, want %d times %d", got, step.times, step.want)
		}
	}
	// Now also a good one has to wait: nothing is looked at.
	for range 2 {
		_, status, answer := r.try(t, good)
		if seconds, err := strconv.Atoi(answer.Get("Retry-After")); status != http.StatusTooManyRequests || err != nil || seconds < 1 || seconds > 2 {
			t.Errorf("status %d, Retry-After %q", status, answer.Get("Retry-After"))
		}
		clock.put(999 * time.Millisecond)
	}
	d := r.dialer("public")
	if conn, _, err := d.Dial(t.Context(), "wss://ws.example.com/free"); err != nil {
		t.Errorf("where nothing can be tried: %v", err)
	} else {
		_ = conn.Close()
	}
	if _, status, _ := r.try(t, good); status != 101 {
		t.Errorf("the wait is not over: status %d", status)
	}
	r.end(t)
	if reasons := reasonsOf(r.audit.records(t, "denied")); !slices.Contains(reasons, "too_many_failures") {
		t.Errorf("denied for %v", reasons)
	}
}

func TestNobodyWaitsWhereAddressesAreNotToldApart(t *testing.T) {
	t.Parallel()
	r := startTried(t, newStopped(), nil)
	if got := r.statuses(t, 12, keyHeader("00000000000000000000000000000000")); got[401] != 12 {
		t.Errorf("answers %v", got)
	}
	if got := r.statuses(t, 1, keyHeader(aKey)); got[101] != 1 {
		t.Errorf("the good one: answers %v", got)
	}
}

// Nobody shall learn by not having to wait that a stolen credential was good.
func TestWhoIsRevokedHasToWaitLikeWhoShowsABadCredential(t *testing.T) {
	t.Parallel()
	r, config, echo := startUsers(t, newIssuer(t), newStopped().tell)
	config.Limits = &contract.Limits{HandshakesPerSecondPerAddress: new(int32(1000))}
	r.put(t, echo, config)
	r.revoke(t, echo, config, revocations(func(one *contract.Revocation) {
		one.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "device-1", Policy: "users"}}
	}))
	if got := r.statuses(t, 5, keyHeader(aKey)); got[401] != 5 {
		t.Fatalf("answers %v", got)
	}
	if _, status, _ := r.try(t, keyHeader(aKey)); status != http.StatusTooManyRequests {
		t.Errorf("the sixth: status %d", status)
	}
}

func TestAPodWhoseProcessorsAreBusyRefusesWhoWaitsTooLong(t *testing.T) {
	t.Parallel()
	var all *limits.Turns
	r, echo := startBaseWith(t, func(c *contract.Config) {
		c.Limits = &contract.Limits{HandshakeTimeout: new(contract.Duration(4 * time.Second))}
	}, gateway.WithTurns(func(turns *limits.Turns) { all = turns }))
	taken := 0
	for all.Take(t.Context(), netip.Prefix{}, 0) {
		taken++
	}
	if got := r.statuses(t, 1, nil); got[0] != 1 {
		t.Errorf("answers %v", got)
	}
	for range taken {
		all.Give()
	}
	r.put(t, echo, baseConfig())
	if got := r.statuses(t, 2, nil); got[101] != 2 {
		t.Errorf("answers %v", got)
	}
	r.end(t)
	denied := r.audit.records(t, "denied")
	if len(denied) != 1 || denied[0].Reason != outcome.HandshakeBacklog || denied[0].Listener != "public" {
		t.Errorf("denied for %v", reasonsOf(denied))
	}
}
