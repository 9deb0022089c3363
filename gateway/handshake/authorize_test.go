// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/authn"
	"github.com/wsgateway/websocket-gateway-operator/gateway/clientcert"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/match"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/policy"
)

const (
	tokenKey = "0123456789abcdef0123456789abcdef"
	apiKey   = "a-key-of-a-device-that-is-long"
)

// mounted are the Secrets of the tests.
type mounted map[string]map[string]string

func (m mounted) Read(secret, key string) ([]byte, error) {
	if content, ok := m[secret][key]; ok {
		return []byte(content), nil
	}
	return nil, fs.ErrNotExist
}

func (m mounted) List(secret string) ([]string, error) {
	return slices.Collect(maps.Keys(m[secret])), nil
}

func secrets() mounted {
	return mounted{
		"hmac": {"jwks.json": `{"keys":[{"kty":"oct","alg":"HS256","k":"` + base64.RawURLEncoding.EncodeToString([]byte(tokenKey)) + `"}]}`},
		"keys": {"device-1": apiKey}, "copy": {"device-1": apiKey},
	}
}

func token(t *testing.T, claims map[string]any) string {
	t.Helper()
	all := map[string]any{"iss": "https://id.example.com", "aud": "chat", "sub": "ann", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(all, claims)
	data, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(data)
	mac := hmac.New(sha256.New, []byte(tokenKey))
	_, _ = mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// rulesOf serves /chat by one policy, compiled as the gateway does.
func rulesOf(t *testing.T, c *contract.Policy) *handshake.Rules {
	t.Helper()
	compiled := handshake.Policy{Policy: c}
	sets := authn.NewKeySets(authn.KeySetOptions{Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
	t.Cleanup(sets.Close)
	authenticator, problems := authn.NewPolicy(c, nil, secrets(), sets)
	if len(problems) > 0 {
		t.Fatalf("%+v", problems)
	}
	compiled.Authenticator = authenticator
	if c.Authorization != nil {
		environment, err := policy.NewEnvironment()
		if err != nil {
			t.Fatal(err)
		}
		var rules []policy.Rule
		for _, rule := range c.Authorization.Rules {
			rules = append(rules, policy.Rule{Name: rule.Name, Allow: rule.Action == contract.ActionAllow, When: rule.When})
		}
		var wrong []policy.Problem
		if compiled.Rules, wrong = environment.Compile(rules); len(wrong) > 0 {
			t.Fatalf("%v", wrong)
		}
	}
	return &handshake.Rules{
		Routes: match.NewRoutes([]contract.Route{{
			Name: "chat", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/chat"}, Policy: c.Name, Backends: []contract.Backend{{Name: "echo"}},
		}}),
		Policies: map[string]handshake.Policy{c.Name: compiled},
	}
}

// knock is somebody at the door.
type knock struct {
	path   string
	client string
	fields []string
}

func (k knock) at(t *testing.T, rules *handshake.Rules) (*handshake.Standing, error) {
	t.Helper()
	standing, _, err := k.with(t, rules, nil)
	return standing, err
}

// with is at, by somebody who has shown a certificate in TLS. The ruling is that of
// the handshake.
func (k knock) with(t *testing.T, rules *handshake.Rules, certificate *clientcert.Certificate) (*handshake.Standing, handshake.Ruling, error) {
	t.Helper()
	head := "GET " + k.path + " HTTP/1.1\r\nHost: ws.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + strings.Join(append(k.fields, "", ""), "\r\n")
	request, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if err != nil {
		t.Fatal(err)
	}
	door := &handshake.Door{
		Upstreams: &backend{}, Draining: func() bool { return false }, Now: time.Now, Took: func(metrics.Phase, time.Duration) {},
		Seat:                func(*authn.Identity) (func(), error) { return func() {}, nil },
		AuthenticateTimeout: time.Minute, UpstreamTimeout: time.Minute,
	}
	var attempt audit.Attempt
	client := netip.MustParseAddr(k.client)
	a, err := door.Admit(t.Context(), rules, &handshake.Caller{
		Request: request, Listener: "public", Client: client, ServedBy: func(string) (string, bool) { return "public", true },
		Certificate: certificate,
	}, &attempt)
	if err != nil {
		return nil, handshake.Ruling{}, err
	}
	a.Release()
	standing := &handshake.Standing{
		Host: a.Host, Path: a.Path, Origin: attempt.Origin, Listener: "public", Client: client,
		Identity: a.Identity, Claims: authn.KeepClaims(&a.Identity), Certificate: certificate,
	}
	standing.Identity.Claims = nil
	return standing, a.Ruling, nil
}

// variants are policies of the same methods with different rules.
func variants() map[string]*contract.Policy {
	methods := func(secret string, anonymous bool) []contract.Method {
		list := []contract.Method{
			{JWT: &contract.JWT{
				Issuer: "https://id.example.com", Audiences: []string{"chat"}, Algorithms: []string{"HS256"},
				KeySet: contract.KeySet{Secret: &contract.SecretKey{Secret: "hmac", Key: "jwks.json"}}, From: []contract.Source{{Header: "Authorization"}},
			}},
			{APIKey: &contract.APIKey{Secret: secret, From: []contract.Source{{Header: "X-Api-Key"}}}},
		}
		if anonymous {
			list = append(list, contract.Method{Anonymous: &contract.Anonymous{}})
		}
		return list
	}
	with := func(rules ...string) *contract.Policy {
		p := &contract.Policy{Name: "users", Methods: methods("keys", true), Origins: &contract.Origins{Allow: []string{"https://app.example.com"}, AllowMissing: true}}
		for i, rule := range rules {
			action, when, _ := strings.Cut(rule, ": ")
			if p.Authorization == nil {
				p.Authorization = &contract.Authorization{}
			}
			p.Authorization.Rules = append(p.Authorization.Rules, contract.Rule{Name: string(rune('a' + i)), Action: contract.Action(action), When: when})
		}
		return p
	}
	edit := func(p *contract.Policy, change func(*contract.Policy)) *contract.Policy {
		change(p)
		return p
	}
	networks := func(texts ...string) (list []netip.Prefix) {
		for _, text := range texts {
			list = append(list, netip.MustParsePrefix(text))
		}
		return list
	}
	return map[string]*contract.Policy{
		"no rules":                with(),
		"everybody":               with("Allow: true"),
		"nobody":                  with("Allow: false"),
		"acme":                    with("Allow: identity.claims.org == 'acme'"),
		"acme but not bob":        with("Deny: identity.subject == 'bob'", "Allow: identity.claims.org == 'acme'"),
		"not blocked, unguarded":  with("Deny: identity.claims.blocked == true", "Allow: true"),
		"not blocked":             with("Deny: has(identity.claims.blocked) && identity.claims.blocked == true", "Allow: true"),
		"a path":                  with("Allow: request.path.startsWith('/chat/room')"),
		"a page":                  with("Allow: request.origin == 'https://app.example.com'"),
		"a network":               with("Allow: cidr('10.0.0.0/8').containsIP(request.clientIP)"),
		"devices":                 with("Allow: identity.method == 'apiKey'"),
		"devices of the Secret":   with("Allow: identity.issuer == 'keys'"),
		"the device":              with("Allow: identity.claims.sub == 'device-1'"),
		"only anonymous":          with("Allow: identity.method == 'anonymous'"),
		"the listener, the route": with("Allow: request.listener == 'public' && request.route == 'chat' && request.host == 'ws.example.com'"),
		"keys in another Secret": edit(with("Allow: identity.issuer == 'copy'"), func(p *contract.Policy) {
			p.Methods = methods("copy", true)
		}),
		"tokens become anonymous": edit(with("Allow: !has(identity.claims.org)"), func(p *contract.Policy) { p.Methods = p.Methods[1:] }),
		"another name":            edit(with("Allow: identity.policy == 'renamed'"), func(p *contract.Policy) { p.Name = "renamed" }),
		"allowed networks": edit(with(), func(p *contract.Policy) {
			p.ClientCIDRs = &contract.ClientCIDRs{Allow: networks("10.0.0.0/8", "2001:db8::/32")}
		}),
		"denied networks": edit(with(), func(p *contract.Policy) {
			p.ClientCIDRs = &contract.ClientCIDRs{Deny: networks("10.9.0.0/16")}
		}),
		"both": edit(with(), func(p *contract.Policy) {
			p.ClientCIDRs = &contract.ClientCIDRs{Allow: networks("10.0.0.0/8"), Deny: networks("10.9.0.0/16", "fe80::/10")}
		}),
	}
}

func knocks(t *testing.T) map[string]knock {
	t.Helper()
	bearer := func(claims map[string]any) string { return "Authorization: Bearer " + token(t, claims) }
	const page = "Origin: https://app.example.com"
	return map[string]knock{
		"nobody":             {"/chat", "192.0.2.1", nil},
		"nobody, inside":     {"/chat/room", "10.1.1.1", nil},
		"nobody, IPv6":       {"/chat", "2001:db8::1", []string{page}},
		"nobody, link-local": {"/chat", "fe80::1%eth0", nil},
		"nobody, mapped":     {"/chat", "::ffff:10.9.0.1", nil},
		"a token":            {"/chat", "192.0.2.1", []string{bearer(nil)}},
		"a token of acme":    {"/chat/room/1", "10.9.0.1", []string{bearer(map[string]any{"org": "acme"}), page}},
		"bob of acme":        {"/chat", "10.1.1.1", []string{bearer(map[string]any{"org": "acme", "sub": "bob", "n": 12345678901234567})}},
		"a blocked token":    {"/chat", "192.0.2.1", []string{bearer(map[string]any{"org": "acme", "blocked": true, "t": "<&>\u2028"})}},
		"a token of 3 KiB":   {"/chat", "192.0.2.1", []string{bearer(map[string]any{"org": "acme", "fill": strings.Repeat("x", 3<<10)})}},
		"the largest token":  {"/chat", "192.0.2.1", []string{bearer(map[string]any{"org": "acme", "fill": strings.Repeat("x", 5900)})}},
		"a device":           {"/chat", "192.0.2.1", []string{"X-API-Key: " + apiKey}},
		"a device, inside":   {"/chat/room", "10.1.1.1", []string{"X-API-Key: " + apiKey, page}},
	}
}

// Whoever was let in by one policy is judged by another exactly as the same
// request would be, claims and all: every pair is tried with every request.
func TestRulesJudgeWhoIsInsideLikeWhoKnocks(t *testing.T) {
	t.Parallel()
	compiled := map[string]*handshake.Rules{}
	for name, p := range variants() {
		compiled[name] = rulesOf(t, p)
	}
	kept, refused := 0, 0
	for who, k := range knocks(t) {
		for before, old := range compiled {
			standing, err := k.at(t, old)
			if err != nil || (standing.Identity.Proof == nil && k.fields != nil && !strings.HasPrefix(k.fields[0], "Origin")) {
				continue // refused, or what was shown was looked at by nobody
			}
			for after, rules := range compiled {
				_, want := k.at(t, rules)
				_, got := rules.Reconsider(standing)
				if reason(want) != reason(got) {
					t.Errorf("%s, admitted by %q, under %q: %v, but a handshake gets %v", who, before, after, got, want)
				}
				if got == nil {
					kept++
				} else {
					refused++
				}
			}
		}
	}
	if kept < 300 || refused < 300 {
		t.Errorf("%d kept and %d refused: the test proves little", kept, refused)
	}
}

func TestClaimsThatWereTooManyToRememberEndTheConnectionOnlyIfARuleAsksForThem(t *testing.T) {
	t.Parallel()
	k := knock{"/chat", "192.0.2.1", []string{"Authorization: Bearer " + token(t, map[string]any{"org": "acme"})}}
	all := variants()
	standing, err := k.at(t, rulesOf(t, all["acme"]))
	if err != nil {
		t.Fatal(err)
	}
	// In a token the character has three bytes, as we write it six.
	standing.Claims = authn.KeepClaims(&authn.Identity{Claims: map[string]any{"org": "acme", "fill": strings.Repeat("\u2028", 1200)}})
	if _, err := rulesOf(t, all["acme"]).Reconsider(standing); reason(err) != outcome.AccessDenied {
		t.Errorf("a rule on claims: %v", err)
	}
	for _, name := range []string{"no rules", "everybody", "the listener, the route"} {
		if _, err := rulesOf(t, all[name]).Reconsider(standing); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An address is cheaper to look at than a token, and tells a stranger less.
func TestTheAddressIsAskedBeforeAnythingIsShownAndRulesAfterIt(t *testing.T) {
	t.Parallel()
	bad := []string{"Authorization: Bearer nonsense", "Origin: https://evil.example"}
	all := variants()
	for name, tt := range map[string]struct {
		policy string
		knock  knock
		want   outcome.Reason
	}{
		"a foreign address before a foreign page": {"allowed networks", knock{"/chat", "192.0.2.1", bad}, outcome.AddressNotAllowed},
		"a denied address before a bad token":     {"denied networks", knock{"/chat", "10.9.0.1", bad}, outcome.AddressNotAllowed},
		"denied, though allowed":                  {"both", knock{"/chat", "10.9.0.1", nil}, outcome.AddressNotAllowed},
		"a denied network behind a zone":          {"both", knock{"/chat", "fe80::1%eth0", nil}, outcome.AddressNotAllowed},
		"a mapped address is the address":         {"denied networks", knock{"/chat", "::ffff:10.9.0.1", nil}, outcome.AddressNotAllowed},
		"a bad token before the rules":            {"nobody", knock{"/chat", "192.0.2.1", bad[:1]}, outcome.BadCredential},
		"no rule matches":                         {"nobody", knock{"/chat", "192.0.2.1", nil}, outcome.AccessDenied},
	} {
		if _, err := tt.knock.at(t, rulesOf(t, all[tt.policy])); reason(err) != tt.want {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	noAddress := rulesOf(t, all["denied networks"])
	if _, err := noAddress.Reconsider(&handshake.Standing{Host: "ws.example.com", Path: "/chat"}); reason(err) != outcome.AddressNotAllowed {
		t.Errorf("an address that is not known: %v", err)
	}
}

func TestAnAuthorizationThatWasNotCompiledAdmitsNobody(t *testing.T) {
	t.Parallel()
	rules := rulesOf(t, variants()["everybody"])
	broken := rules.Policies["users"]
	broken.Rules = nil
	rules.Policies["users"] = broken
	_, err := knock{"/chat", "192.0.2.1", nil}.at(t, rules)
	if refusal, ok := errors.AsType[*outcome.Refusal](err); !ok || refusal.Reason != outcome.PolicyUnavailable {
		t.Errorf("admitted: %v", err)
	}
}
