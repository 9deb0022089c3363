// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// issuer signs tokens.
type issuer struct{ key *ecdsa.PrivateKey }

func newIssuer(t testing.TB) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{key: key}
}

// keySet is the public half.
func (i *issuer) keySet(t testing.TB) string {
	t.Helper()
	point, err := i.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	coordinate := base64.RawURLEncoding.EncodeToString
	return fmt.Sprintf(`{"keys":[{"kty":"EC","crv":"P-256","kid":"k1","alg":"ES256","use":"sig","x":"%s","y":"%s"}]}`,
		coordinate(point[1:33]), coordinate(point[33:65]))
}

func (i *issuer) token(t *testing.T, lifetime time.Duration) string {
	t.Helper()
	return i.sign(t, map[string]any{
		"iss": "https://id.example.com", "aud": "chat", "sub": "ann", "exp": time.Now().Add(lifetime).Unix(),
	})
}

// sign makes a token of these claims.
func (i *issuer) sign(t *testing.T, claims map[string]any) string {
	t.Helper()
	part := func(value map[string]any) string {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	text := part(map[string]any{"alg": "ES256", "kid": "k1", "typ": "JWT"}) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// withTokens protects the route by tokens of i and by the keys of a Secret.
func withTokens(t *testing.T, i *issuer) func(*contract.Config) {
	t.Helper()
	return func(c *contract.Config) {
		c.Policies = []contract.Policy{{
			Name: "users",
			Methods: []contract.Method{
				{JWT: &contract.JWT{
					Issuer: "https://id.example.com", Audiences: []string{"chat"}, Algorithms: []string{"ES256"},
					KeySet: contract.KeySet{Inline: i.keySet(t)},
					From:   []contract.Source{{Header: "Authorization"}, {Subprotocol: "bearer"}},
				}},
				{APIKey: &contract.APIKey{Secret: "keys", From: []contract.Source{{Header: "X-Api-Key"}, {Header: "X-Auth", Prefix: "Device "}}}},
			},
			Origins:         &contract.Origins{Allow: []string{"https://app.example.com"}, AllowMissing: true},
			IdentityHeaders: []contract.IdentityHeader{{Name: "X-User", Claim: "sub"}},
		}}
		c.Routes[0].Policy = "users"
	}
}

func TestOnlyGoodCredentialsReachTheBackendAndNoneIsPassedOn(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, echo := startBase(t, withTokens(t, i))
	r.root.Secret(t, "keys", map[string][]byte{"device-1": []byte("0123456789abcdef0123456789abcdef")})
	until(t, func() string {
		if p := r.report(t).Problems; len(p) > 0 {
			return fmt.Sprintf("%+v", p)
		}
		return ""
	})
	good, expired, foreign := i.token(t, time.Hour), i.token(t, -time.Hour), newIssuer(t).token(t, time.Hour)
	for _, test := range []struct {
		name    string
		changes []string
		want    int
		answer  string
	}{
		{"no credential", nil, 401, ""},
		{"token in the header", []string{"Authorization: Bearer " + good}, 101, ""},
		{"token among the subprotocols", []string{"Sec-WebSocket-Protocol: bearer, " + good}, 101, "bearer"},
		{"API key", []string{"X-API-Key: 0123456789abcdef0123456789abcdef"}, 101, ""},
		{"expired token", []string{"Authorization: Bearer " + expired}, 401, ""},
		{"token of somebody else", []string{"Authorization: Bearer " + foreign}, 401, ""},
		{"token without signature", []string{"Authorization: Bearer " + good[:strings.LastIndex(good, ".")+1]}, 401, ""},
		{"unknown API key", []string{"X-API-Key: 00000000000000000000000000000000"}, 401, ""},
		{"API key behind a prefix", []string{"X-Auth: Device 0123456789abcdef0123456789abcdef"}, 101, ""},
		{"API key without its prefix", []string{"X-Auth: 0123456789abcdef0123456789abcdef"}, 401, ""},
		{"good token from a foreign page", []string{"Authorization: Bearer " + good, "Origin: https://evil.example"}, 403, ""},
		{"good token from a listed page", []string{"Authorization: Bearer " + good, "Origin: https://app.example.com"}, 101, ""},
	} {
		before := len(echo.Requests())
		response, _ := r.ask(t, "ws.example.com", request(append(test.changes, "X-User: eve", "X_User: eve")...))
		if response.StatusCode != test.want || response.Header.Get("Sec-WebSocket-Protocol") != test.answer {
			t.Errorf("%s: status %d, subprotocol %q", test.name, response.StatusCode, response.Header.Get("Sec-WebSocket-Protocol"))
		}
		if (response.Header.Get("WWW-Authenticate") != "") != (test.want == http.StatusUnauthorized) {
			t.Errorf("%s: header %v", test.name, response.Header)
		}
		requests := echo.Requests()[before:]
		if (len(requests) == 1) != (test.want == http.StatusSwitchingProtocols) {
			t.Fatalf("%s: the backend saw %d requests", test.name, len(requests))
		}
		for _, seen := range requests {
			text := fmt.Sprint(seen.Header)
			if strings.Contains(text, "eve") || strings.Contains(text, good) || strings.Contains(text, "0123456789abcdef") || len(seen.Header.Values("X-User")) != 1 {
				t.Errorf("%s: the backend saw %v", test.name, seen.Header)
			}
		}
	}
	r.end(t)
	for _, secret := range []string{good, expired, foreign, "0123456789abcdef"} {
		if strings.Contains(r.audit.String()+r.logs.String(), secret) {
			t.Error("a credential got into a log")
		}
	}
	if reasons := reasonsOf(r.audit.records(t, "denied")); !slices.Contains(reasons, "no_credential") || !slices.Contains(reasons, "bad_credential") || !slices.Contains(reasons, "origin_not_allowed") {
		t.Errorf("denied for %v", reasons)
	}
}

// What a browser adds by itself, or what is part of an address, ends at the
// gateway, whether it was good or bad.
func TestCredentialsInCookieAndQueryEndAtTheGateway(t *testing.T) {
	t.Parallel()
	const key, bad = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"
	r, echo := startBase(t, func(c *contract.Config) {
		c.Policies[0].Methods = []contract.Method{{APIKey: &contract.APIKey{Secret: "keys", From: []contract.Source{
			{Cookie: "session"}, {Query: "key"}, {Subprotocol: contract.SubprotocolBase64URL},
		}}}}
		c.Policies[0].Origins = &contract.Origins{Allow: []string{"https://*.example.com"}}
	})
	r.root.Secret(t, "keys", map[string][]byte{"device-1": []byte(key)})
	until(t, func() string {
		if p := r.report(t).Problems; len(p) > 0 {
			return fmt.Sprintf("%+v", p)
		}
		return ""
	})
	const own, foreign = "Origin: https://app.example.com", "Origin: https://app.example.com.evil.example"
	encoded := contract.SubprotocolBase64URL + "." + base64.RawURLEncoding.EncodeToString([]byte(key))
	for _, test := range []struct {
		name   string
		query  string
		fields []string
		want   int
		target string
		cookie string
	}{
		{"cookie", "?room=5", []string{own, "Cookie: a=b; session=" + key}, 101, "/chat?room=5", "a=b"},
		{"query", "?key=" + key + "&room=5", []string{own, "Cookie: a=b"}, 101, "/chat?room=5", "a=b"},
		{"query alone", "?key=" + key, []string{own}, 101, "/chat", ""},
		{"subprotocol", "", []string{own, "Sec-WebSocket-Protocol: " + encoded + ", chat"}, 101, "/chat", ""},
		{"cookie from a foreign page", "", []string{foreign, "Cookie: session=" + key}, 403, "", ""},
		{"query from a foreign page", "?key=" + key, []string{foreign}, 403, "", ""},
		{"query without a page", "?key=" + key, nil, 403, "", ""},
		{"cookie and query", "?key=" + key, []string{own, "Cookie: session=" + key}, 401, "", ""},
		{"bad cookie", "", []string{own, "Cookie: session=" + bad}, 401, "", ""},
		{"bad query", "?key=" + bad, []string{own}, 401, "", ""},
		{"bad query, not encoded properly", "?key=" + bad + "%z", []string{own}, 401, "", ""},
	} {
		before := len(echo.Requests())
		head := strings.Replace(request(test.fields...), "/chat ", "/chat"+test.query+" ", 1)
		response, _ := r.ask(t, "ws.example.com", head)
		if response.StatusCode != test.want || strings.Contains(fmt.Sprint(response.Header), encoded) {
			t.Errorf("%s: status %d, %v", test.name, response.StatusCode, response.Header)
		}
		requests := echo.Requests()[before:]
		if (len(requests) == 1) != (test.want == http.StatusSwitchingProtocols) {
			t.Fatalf("%s: the backend saw %d requests", test.name, len(requests))
		}
		for _, seen := range requests {
			if seen.RequestURI != test.target || seen.Header.Get("Cookie") != test.cookie || strings.Contains(fmt.Sprint(seen.Header), encoded) {
				t.Errorf("%s: the backend saw %q with %v", test.name, seen.RequestURI, seen.Header)
			}
		}
	}
	_, _, metrics := r.get(t, "/metrics")
	_, _, report := r.get(t, "/report")
	r.end(t)
	for _, secret := range []string{key, bad, encoded} {
		if strings.Contains(r.audit.String()+r.logs.String()+metrics+report, secret) {
			t.Error("a credential got into a log, a metric or the report")
		}
	}
}

func TestAPasswordLetsInAndEndsAtTheGateway(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, func(c *contract.Config) {
		c.Policies[0].Methods = []contract.Method{{Basic: &contract.Basic{File: contract.SecretKey{Secret: "users", Key: "auth"}}}}
		c.Policies[0].Origins = &contract.Origins{Allow: []string{"https://app.example.com"}, AllowMissing: true}
	})
	r.root.Secret(t, "users", map[string][]byte{"auth": []byte("cid:$5$saltsalt$vl//FCOx/JlpvOHPT.ySOZHl1aqeiykZG3BVaEiPnw1\n")})
	until(t, func() string {
		if p := r.report(t).Problems; len(p) > 0 {
			return fmt.Sprintf("%+v", p)
		}
		return ""
	})
	shown := base64.StdEncoding.EncodeToString([]byte("cid:staple"))
	response, _ := r.ask(t, "ws.example.com", request("Authorization: Basic "+shown))
	if requests := echo.Requests(); response.StatusCode != http.StatusSwitchingProtocols || len(requests) != 1 || requests[0].Header.Get("Authorization") != "" {
		t.Errorf("status %d, %d requests", response.StatusCode, len(requests))
	}
	for _, fields := range [][]string{nil, {"Authorization: Basic " + shown[:8]}} {
		response, _ := r.ask(t, "ws.example.com", request(fields...))
		if response.StatusCode != http.StatusUnauthorized || !strings.HasPrefix(response.Header.Get("WWW-Authenticate"), "Basic realm=") {
			t.Errorf("%v: status %d, %v", fields, response.StatusCode, response.Header)
		}
	}
	r.end(t)
	opened := r.audit.records(t, "opened")
	if len(opened) != 1 || opened[0].Method != "basic" || opened[0].Issuer != "users" || opened[0].Subject != "cid" {
		t.Errorf("opened: %v", opened)
	}
	if text := r.audit.String() + r.logs.String(); strings.Contains(text, "staple") || strings.Contains(text, shown) {
		t.Error("a password got into a log")
	}
}

func reasonsOf(records []*audit.Record) []string {
	var reasons []string
	for _, record := range records {
		reasons = append(reasons, string(record.Reason))
	}
	return reasons
}

func TestAMalformedSecretKeepsTheLastGoodOneAndADeletedOneFailsClosed(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef0123456789abcdef"
	r, _ := startBase(t, withTokens(t, newIssuer(t)))
	status := func() int {
		response, _ := r.ask(t, "ws.example.com", request("X-API-Key: "+key))
		return response.StatusCode
	}
	reaches := func(what string, want int, serving bool, reason contract.ProblemReason) {
		t.Helper()
		until(t, func() string {
			problems := r.report(t).Problems
			if reason != "" && (len(problems) != 1 || problems[0].Policy != "users" || problems[0].Reason != reason || problems[0].Serving != serving) {
				return fmt.Sprintf("%s: problems %+v", what, problems)
			}
			if got := status(); got != want {
				return fmt.Sprintf("%s: status %d", what, got)
			}
			return ""
		})
	}
	reaches("not there yet", 503, false, contract.ProblemSecretNotFound)
	r.root.Secret(t, "keys", map[string][]byte{"device-1": []byte(key)})
	reaches("good", 101, false, "")
	r.root.Secret(t, "keys", map[string][]byte{"device-1": []byte("sha256:nonsense")})
	reaches("malformed", 101, true, contract.ProblemSecretInvalid)
	r.root.Secret(t, "keys", map[string][]byte{"device-2": []byte("another-key-of-some-length-000000")})
	reaches("taken away", 401, false, "")
	r.root.DeleteSecret(t, "keys")
	reaches("deleted", 503, false, contract.ProblemSecretNotFound)
}

func TestEndpointsThatMoveGetTheNextConnectionOnly(t *testing.T) {
	t.Parallel()
	r, first := startBase(t, nil)
	conn := r.dialer("public").MustDial(t, chatURL)
	second := wstest.Echo(t)
	r.root.Config(t, baseConfig(), endpoints(second.Address))
	until(t, func() string {
		if err := echoOnce(r.dialer("public").MustDial(t, chatURL)); err != nil {
			return err.Error()
		}
		if len(second.Requests()) == 0 {
			return "the new endpoint is not used"
		}
		return ""
	})
	if err := echoOnce(conn); err != nil || first.Open() == 0 {
		t.Errorf("the old connection: %v", err)
	}
}
