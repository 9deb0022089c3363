// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// revocations is a file with one revocation of an hour.
func revocations(change func(*contract.Revocation)) contract.Revocations {
	one := contract.Revocation{Name: "incident", UID: "uid-1", Until: time.Now().Add(time.Hour).UTC().Truncate(time.Second)}
	change(&one)
	return contract.Revocations{Version: contract.Version, Revocations: []contract.Revocation{one}}
}

// revoke writes revocations and waits until they are in force.
func (r *running) revoke(t *testing.T, echo *wstest.Upstream, config contract.Config, file contract.Revocations) {
	t.Helper()
	file.Version = contract.Version
	r.root.Contract(t, config, endpoints(echo.Address), file)
	data, err := contract.Encode(file)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		if got := r.report(t).Files[contract.RevocationsFile]; got.InForce != contract.Digest(data) {
			return fmt.Sprintf("revocations in force are %+v", got)
		}
		return ""
	})
}

// caller is somebody with a credential.
type caller struct{ header, value string }

func callers(t *testing.T, i *issuer) map[string]caller {
	t.Helper()
	token := func(subject, id string) caller {
		return caller{"Authorization", "Bearer " + i.sign(t, map[string]any{
			"iss": "https://id.example.com", "aud": "chat", "sub": subject, "jti": id, "exp": time.Now().Add(time.Hour).Unix(),
		})}
	}
	return map[string]caller{
		"ann": token("ann", "t-1"), "ann again": token("ann", "t-2"), "bob": token("bob", "T-1"),
		"device": {"X-API-Key", aKey},
	}
}

func TestARevocationClosesAndRefusesThoseThatItNames(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	for name, tt := range map[string]struct {
		change func(*contract.Revocation)
		lost   []string
		code   int
		status int
	}{
		"a subject": {func(r *contract.Revocation) {
			r.Subjects = []contract.RevokedSubject{{Subject: "ann", Issuer: "https://id.example.com"}}
		}, []string{"ann", "ann again"}, outcome.CodeUnauthorized, http.StatusUnauthorized},
		"a token": {func(r *contract.Revocation) {
			r.TokenIDs = []contract.RevokedTokenID{{Issuer: "https://id.example.com", ID: "t-1"}}
		}, []string{"ann"}, outcome.CodeUnauthorized, http.StatusUnauthorized},
		"an API key": {func(r *contract.Revocation) {
			r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "device-1", Secret: "keys"}}
		}, []string{"device"}, outcome.CodeUnauthorized, http.StatusUnauthorized},
		"a network": {func(r *contract.Revocation) {
			r.ClientCIDRs = []string{"127.0.0.0/8"}
		}, []string{"ann", "ann again", "bob", "device"}, outcome.CodeUnauthorized, http.StatusForbidden},
		"somebody else": {func(r *contract.Revocation) {
			r.Subjects = []contract.RevokedSubject{{Subject: "Ann", Policy: "users"}, {Subject: "ann", Policy: "user"}}
			r.ClientCIDRs = []string{"192.0.2.0/24"}
		}, nil, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, config, echo := startUsers(t, i)
			// Whom a changed policy lets be, a revocation does not.
			config.KeepAdmitted = true
			r.put(t, echo, config)
			who, conns := callers(t, i), map[string]*websocket.Conn{}
			for name, one := range who {
				conns[name] = r.open(t, one.header, one.value)
			}
			r.revoke(t, echo, config, revocations(tt.change))
			want := map[string]int64{}
			for _, name := range tt.lost {
				want["uid-1"]++
				_ = conns[name].SetReadDeadline(time.Now().Add(patience))
				if _, _, err := conns[name].ReadMessage(); !websocket.IsCloseError(err, tt.code) {
					t.Errorf("%s: %v, want to be closed with %d", name, err, tt.code)
				}
				delete(conns, name)
				if response, _ := r.ask(t, "ws.example.com", request(who[name].header+": "+who[name].value)); response.StatusCode != tt.status {
					t.Errorf("%s comes again: status %d, want %d", name, response.StatusCode, tt.status)
				}
			}
			for name, conn := range conns {
				if err := echoOnce(conn); err != nil {
					t.Errorf("%s should have stayed: %v", name, err)
				}
				if response, _ := r.ask(t, "ws.example.com", request(who[name].header+": "+who[name].value)); response.StatusCode != http.StatusSwitchingProtocols {
					t.Errorf("%s comes again: status %d", name, response.StatusCode)
				}
			}
			until(t, func() string {
				if got := r.report(t).Revoked; !cmp.Equal(got, want) && len(got)+len(want) > 0 {
					return fmt.Sprintf("the report counts %v, want %v", got, want)
				}
				return ""
			})
			r.auditsRevoked(t, len(tt.lost))
			// Who is not revoked any more is as welcome as before.
			r.revoke(t, echo, config, contract.Revocations{})
			for name, one := range who {
				if response, _ := r.ask(t, "ws.example.com", request(one.header+": "+one.value)); response.StatusCode != http.StatusSwitchingProtocols {
					t.Errorf("%s after the revocation was deleted: status %d", name, response.StatusCode)
				}
			}
			if got := r.report(t).Revoked; len(got) > 0 {
				t.Errorf("the report counts %v for a revocation that is gone", got)
			}
		})
	}
}

// auditsRevoked looks for as many closings, and refusals of those who came again.
func (r *running) auditsRevoked(t *testing.T, want int) {
	t.Helper()
	count := func(event audit.Event, reasons ...outcome.Reason) int {
		n := 0
		for _, record := range r.audit.records(t, event) {
			for _, reason := range reasons {
				if record.Reason == reason && strings.Contains(record.Message, `revocation "incident"`) {
					n++
				}
			}
		}
		return n
	}
	until(t, func() string {
		closed, denied := count("closed", outcome.CredentialRevoked), count("denied", outcome.IdentityRevoked, outcome.AddressRevoked)
		if closed != want || denied != want {
			return fmt.Sprintf("%d records of closings and %d of refusals, want %d each", closed, denied, want)
		}
		return ""
	})
	if text := r.audit.String() + r.logs.String(); strings.Contains(text, aKey) || strings.Contains(text, "Bearer ") {
		t.Error("a credential got into a log")
	}
}

func TestAnOpenConnectionIsJudgedAsANewcomerWouldBe(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startUsers(t, i)
	who := callers(t, i)
	ann := contract.RevokedSubject{Subject: "ann", Policy: "users"}
	for _, file := range []contract.Revocations{
		revocations(func(r *contract.Revocation) { r.Subjects = []contract.RevokedSubject{ann} }),
		revocations(func(r *contract.Revocation) {
			r.TokenIDs = []contract.RevokedTokenID{{Issuer: "https://id.example.com", ID: "T-1"}}
		}),
		revocations(func(r *contract.Revocation) {
			r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "device-1", Policy: "users"}}
		}),
		revocations(func(r *contract.Revocation) { r.ClientCIDRs = []string{"127.0.0.1/32"} }),
		revocations(func(r *contract.Revocation) {
			r.CertificateSerials = []contract.RevokedCertificate{{Serial: "1"}}
		}),
	} {
		r.revoke(t, echo, config, contract.Revocations{})
		conns := map[string]*websocket.Conn{}
		for name, one := range who {
			conns[name] = r.open(t, one.header, one.value)
		}
		r.revoke(t, echo, config, file)
		for name, conn := range conns {
			response, _ := r.ask(t, "ws.example.com", request(who[name].header+": "+who[name].value))
			_ = conn.SetReadDeadline(time.Now().Add(patience))
			stays, welcome := echoOnce(conn) == nil, response.StatusCode == http.StatusSwitchingProtocols
			if stays != welcome {
				t.Errorf("%s stays: %t, would be let in: %t, by %+v", name, stays, welcome, file.Revocations[0])
			}
			_ = conn.Close()
		}
	}
}

func TestARevocationThatComesWhileTheBackendIsAskedCounts(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	backend, asked, agree := hesitant(t)
	ca, root := wstest.NewCA(t), wstest.NewRoot(t)
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Secret(t, "keys", map[string][]byte{"device-1": []byte(aKey)})
	config := baseConfig()
	withTokens(t, i)(&config)
	root.Config(t, config, endpoints(backend.Address))
	r := start(t, root, ca, nil)
	answers := make(chan int, 1)
	go func() {
		d := r.dialer("public")
		d.Header = http.Header{"X-Api-Key": {aKey}}
		_, response, _ := d.Dial(t.Context(), chatURL)
		if response == nil {
			answers <- -1
			return
		}
		answers <- response.StatusCode
	}()
	<-asked
	r.revoke(t, backend, config, revocations(func(r *contract.Revocation) {
		r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "device-1", Secret: "keys"}}
	}))
	agree()
	if got := <-answers; got != http.StatusUnauthorized {
		t.Errorf("status %d, want 401", got)
	}
}

// However a revocation and newcomers meet, nobody is left who is locked out.
func TestNobodySlipsInWhileTheyAreRevoked(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startUsers(t, i)
	stop, done := make(chan struct{}), make(chan struct{})
	var conns []*websocket.Conn
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			d := r.dialer("public")
			d.Header = http.Header{"X-Api-Key": {aKey}}
			if conn, _, err := d.Dial(t.Context(), chatURL); err == nil {
				conns = append(conns, conn)
			}
		}
	}()
	until(t, func() string {
		if r.report(t).Connections == 0 {
			return "nobody has come"
		}
		return ""
	})
	r.revoke(t, echo, config, revocations(func(r *contract.Revocation) {
		r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "device-1", Secret: "keys"}}
	}))
	close(stop)
	<-done
	for n, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, outcome.CodeUnauthorized) {
			t.Errorf("connection %d of %d: %v", n, len(conns), err)
		}
		_ = conn.Close()
	}
	until(t, func() string {
		if got := r.report(t).Revoked["uid-1"]; got != int64(len(conns)) {
			return fmt.Sprintf("the report counts %d of %d", got, len(conns))
		}
		return ""
	})
}

func TestARevocationEndsByItselfAndABadFileChangesNothing(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	var mu sync.Mutex
	var ahead time.Duration
	now := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return time.Now().Add(ahead)
	}
	echo, ca, root := wstest.Echo(t), wstest.NewCA(t), wstest.NewRoot(t)
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Secret(t, "keys", map[string][]byte{"device-1": []byte(aKey)})
	config := baseConfig()
	withTokens(t, i)(&config)
	root.Config(t, config, endpoints(echo.Address))
	r := start(t, root, ca, func(o *gateway.Options) { o.Now = now })
	device := func() int {
		response, _ := r.ask(t, "ws.example.com", request("X-API-Key: "+aKey))
		return response.StatusCode
	}
	r.revoke(t, echo, config, revocations(func(r *contract.Revocation) {
		r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "device-1", Secret: "keys"}}
	}))
	good := r.report(t).Files[contract.RevocationsFile].InForce
	if got := device(); got != http.StatusUnauthorized {
		t.Fatalf("status %d, want 401", got)
	}
	bad := revocations(func(r *contract.Revocation) { r.ClientCIDRs = []string{"0.0.0.0/0"} })
	root.Contract(t, config, endpoints(echo.Address), bad)
	until(t, func() string {
		state := r.report(t).Files[contract.RevocationsFile]
		if state.Error == "" || state.InForce != good {
			return fmt.Sprintf("the bad file was not reported: %+v", state)
		}
		return ""
	})
	if got := device(); got != http.StatusUnauthorized {
		t.Errorf("after a bad file: status %d, want 401", got)
	}
	mu.Lock()
	ahead = 59 * time.Minute
	mu.Unlock()
	if got := device(); got != http.StatusUnauthorized {
		t.Errorf("a minute before its end: status %d, want 401", got)
	}
	mu.Lock()
	ahead = time.Hour
	mu.Unlock()
	if got := device(); got != http.StatusSwitchingProtocols {
		t.Errorf("at its end: status %d, want 101", got)
	}
}

// planned waits for turns, and adds up for how long it was asked to.
type planned struct{ sum atomic.Int64 }

func (p *planned) wait(ctx context.Context, d time.Duration) error {
	p.sum.Add(int64(max(d, 0)))
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (p *planned) together() time.Duration { return time.Duration(p.sum.Load()) }

// What is promised is a second for each thousand.
func TestHundredsAreClosedAtThePromisedPace(t *testing.T) {
	const many, promised = 500, 500 * time.Millisecond
	i := newIssuer(t)
	var waits planned
	r, config, echo := startUsers(t, i, func(o *gateway.Options) { o.Wait = waits.wait })
	d := r.dialer("public")
	d.Header = http.Header{"X-Api-Key": {aKey}}
	ends := make(chan time.Time, many)
	var dialing sync.WaitGroup
	for range 8 {
		dialing.Go(func() {
			for range many / 8 {
				conn, _, err := d.Dial(t.Context(), chatURL)
				if err != nil {
					t.Errorf("open: %v", err)
					return
				}
				go func() {
					defer func() { _ = conn.Close() }()
					if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, outcome.CodeUnauthorized) {
						t.Errorf("closed by %v", err)
					}
					ends <- time.Now()
				}()
			}
		})
	}
	dialing.Wait()
	open := int64(many / 8 * 8)
	until(t, func() string {
		if got := r.report(t).Connections; got != open {
			return fmt.Sprintf("%d connections are open", got)
		}
		return ""
	})
	stays := r.open(t, "Authorization", "Bearer "+i.token(t, time.Hour))
	begin := time.Now()
	r.root.Contract(t, config, endpoints(echo.Address), revocations(func(r *contract.Revocation) {
		r.APIKeyIDs = []contract.RevokedAPIKeyID{{ID: "device-1", Secret: "keys"}}
	}))
	var last time.Time
	for range open {
		last = <-ends
	}
	took := last.Sub(begin)
	t.Logf("%d connections were closed %v after the file was written", open, took)
	// The race detector and a busy machine take their part of the time, but not of
	// what the gateway wants to wait between two ends.
	if wanted := waits.together(); took > promised+20*time.Second || wanted > promised {
		t.Errorf("closing took %v, of which %v were waited for turns", took, wanted)
	}
	if err := echoOnce(stays); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	until(t, func() string {
		if got := r.report(t).Revoked["uid-1"]; got != open {
			return fmt.Sprintf("the report counts %d", got)
		}
		return ""
	})
}
