// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/policy"
)

func environment(t testing.TB) *policy.Environment {
	t.Helper()
	e, err := policy.NewEnvironment()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func compiled(t testing.TB, rules ...policy.Rule) *policy.Authorization {
	t.Helper()
	a, problems := environment(t).Compile(rules)
	if len(problems) > 0 {
		t.Fatalf("%v", problems)
	}
	return a
}

func allow(when string) policy.Rule { return policy.Rule{Name: "allowing", Allow: true, When: when} }

func deny(when string) policy.Rule { return policy.Rule{Name: "denying", When: when} }

// ann is a caller with a token.
func ann() *policy.Input {
	return &policy.Input{
		Identity: policy.Identity{
			Policy: "users", Method: "jwt", Issuer: "https://id.example.com", Subject: "ann", KeyID: "k1",
			Claims: map[string]any{
				"org": "acme", "level": json.Number("7"), "share": json.Number("0.5"), "huge": json.Number("9007199254740993"),
				"above": json.Number("18446744073709551615"), "beyond": json.Number("1e999"),
				"groups": []any{"users", "chat"}, "mixed": []any{json.Number("1"), "two", nil}, "nothing": nil, "admin": true,
				"address": map[string]any{"country": "SE", "zip": json.Number("12345")}, "scope": "chat:read chat:write", "a.b": "dotted",
			},
		},
		Request: policy.Request{
			Host: "ws.example.com", Path: "/chat/room", Origin: "https://app.example.com",
			Listener: "public", Route: "chat", ClientIP: netip.MustParseAddr("10.1.2.3"),
		},
	}
}

func TestExpressionsMeanWhatTheySay(t *testing.T) {
	t.Parallel()
	e := environment(t)
	for expression, want := range map[string]bool{
		"true":                                                         true,
		"false":                                                        false,
		"identity.policy == 'users'":                                   true,
		"identity.method == 'jwt'":                                     true,
		"identity.issuer.endsWith('.com')":                             true,
		"identity.subject == 'ann'":                                    true,
		"identity.subject == 'Ann'":                                    false,
		"identity.keyID == 'k1'":                                       true,
		"identity.claims.org == 'acme'":                                true,
		"identity.claims['org'] == 'acme'":                             true,
		"identity.claims['a.b'] == 'dotted'":                           true,
		"identity.claims.org in ['x', 'acme']":                         true,
		"identity.claims.org == 7":                                     false,
		"identity.claims.level == 7":                                   true,
		"identity.claims.level >= 7.0":                                 true,
		"identity.claims.level == '7'":                                 false,
		"identity.claims.share < 1":                                    true,
		"identity.claims.huge == 9007199254740993":                     true,
		"identity.claims.huge == 9007199254740992":                     false,
		"identity.claims.above == 18446744073709551615u":               true,
		"identity.claims.admin == true":                                true,
		"identity.claims.nothing == null":                              true,
		"identity.claims.address.country == 'SE'":                      true,
		"identity.claims.address.zip > 12000":                          true,
		"has(identity.claims.address.street)":                          false,
		"has(identity.claims.org)":                                     true,
		"has(identity.claims.other)":                                   false,
		"has(identity.claims.other) && identity.claims.other == 1":     false,
		"'org' in identity.claims":                                     true,
		"'chat' in identity.claims.groups":                             true,
		"'admins' in identity.claims.groups":                           false,
		"1 in identity.claims.mixed && 'two' in identity.claims.mixed": true,
		"identity.claims.groups.exists(g, g.startsWith('ch'))":         true,
		"identity.claims.groups.all(g, g in ['users', 'chat'])":        true,
		"identity.claims.groups.filter(g, g != 'users').size() == 1":   true,
		"identity.claims.scope.matches('(^| )chat:write( |$)')":        true,
		"request.host == 'ws.example.com'":                             true,
		"request.path.startsWith('/chat/')":                            true,
		"request.origin == ''":                                         false,
		"has(request.origin)":                                          true,
		"request.listener == 'public' && request.route == 'chat'":      true,
		"cidr('10.0.0.0/8').containsIP(request.clientIP)":              true,
		"cidr('2001:db8::/32').containsIP(request.clientIP)":           false,
		"request.clientIP == ip('10.1.2.3')":                           true,
		"request.clientIP.family() == 4":                               true,
		// What cannot be evaluated matches nobody.
		"identity.claims.other == 'x'":                                  false,
		"identity.claims.other != 'x'":                                  false,
		"identity.claims.org.country == 'x'":                            false,
		"identity.claims.org > 7":                                       false,
		"identity.claims.beyond > 1":                                    false,
		"identity.claims.groups[9] == 'x'":                              false,
		"identity.claims.nothing.x == 1":                                false,
		"identity.claims.org == 'acme' || identity.claims.other == 'x'": true,
		"1 / (identity.claims.level - 7) > 0":                           false,
	} {
		a, problems := e.Compile([]policy.Rule{allow(expression)})
		if len(problems) > 0 {
			t.Errorf("%s: %v", expression, problems)
			continue
		}
		if err := a.Decide(ann()); (err == nil) != want {
			t.Errorf("%s: %v, want %t", expression, err, want)
		}
	}
}

func TestTheFirstRuleThatMatchesDecides(t *testing.T) {
	t.Parallel()
	const broken = "identity.claims.other == 'x'"
	for name, tt := range map[string]struct {
		rules []policy.Rule
		want  string
	}{
		"no rule":                                     {nil, "no rule allows it"},
		"an Allow rule matches":                       {[]policy.Rule{allow("true")}, ""},
		"an Allow rule does not match":                {[]policy.Rule{allow("false")}, "no rule allows it"},
		"a Deny rule matches":                         {[]policy.Rule{deny("true"), allow("true")}, `rule "denying" denies`},
		"a Deny rule does not match":                  {[]policy.Rule{deny("false"), allow("true")}, ""},
		"a Deny rule alone":                           {[]policy.Rule{deny("false")}, "no rule allows it"},
		"an Allow rule before a Deny rule":            {[]policy.Rule{allow("true"), deny("true")}, ""},
		"an Allow rule that fails":                    {[]policy.Rule{allow(broken)}, "no rule allows it"},
		"an Allow rule behind that":                   {[]policy.Rule{allow(broken), allow("true")}, ""},
		"a Deny rule that fails":                      {[]policy.Rule{deny(broken), allow("true")}, `rule "denying" could not be evaluated and denies`},
		"a Deny rule that asks first":                 {[]policy.Rule{deny("has(identity.claims.other) && " + broken), allow("true")}, ""},
		"a Deny rule that fails behind an Allow rule": {[]policy.Rule{allow("true"), deny(broken)}, ""},
	} {
		got := ""
		if err := compiled(t, tt.rules...).Decide(ann()); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// An address that nobody knows must not pass for one outside of a network.
func TestWhatIsNotKnownFailsTheRule(t *testing.T) {
	t.Parallel()
	in := ann()
	in.Request.ClientIP = netip.Addr{}
	if err := compiled(t, deny("cidr('10.0.0.0/8').containsIP(request.clientIP)"), allow("true")).Decide(in); err == nil {
		t.Error("a caller without an address passed a Deny rule on addresses")
	}
	if err := compiled(t, deny("has(request.clientIP)"), allow("true")).Decide(in); err != nil {
		t.Errorf("has(): %v", err)
	}
	in.Request.ClientIP = netip.MustParseAddr("fe80::1%eth0")
	if err := compiled(t, allow("cidr('fe80::/10').containsIP(request.clientIP)")).Decide(in); err != nil {
		t.Errorf("an address with a zone: %v", err)
	}
	in.Request.ClientIP = netip.MustParseAddr("::ffff:10.1.2.3")
	if err := compiled(t, allow("cidr('10.0.0.0/8').containsIP(request.clientIP)")).Decide(in); err != nil {
		t.Errorf("a mapped address: %v", err)
	}
	nobody := &policy.Input{}
	if err := compiled(t, allow("has(identity.subject) || has(identity.claims.sub) || has(request.origin)")).Decide(nobody); err == nil {
		t.Error("has() finds what is empty")
	}
}

func TestRulesThatCannotBeUsedSayWhy(t *testing.T) {
	t.Parallel()
	e := environment(t)
	for expression, want := range map[string]string{
		"":                                                 "the expression is empty",
		" \n":                                              "the expression is empty",
		"identity.subjct == 'ann'":                         "line 1, column 9: undefined field 'subjct'; known are certificate.dnsNames, ",
		"true &&\n identty.subject == 'a'":                 "line 2, column 2: undeclared reference to 'identty'; known are ",
		"identity.claims.admin":                            "the expression is of type dyn and must be bool",
		"identity.subject":                                 "the expression is of type string and must be bool",
		"identity.subject == 1":                            "line 1, column 18: found no matching overload",
		"request.path.startsWith(":                         "Syntax error",
		"request.path.matches('(')":                        "invalid matches argument",
		"request.path.matches(request.path)":               "the pattern of matches() must be a fixed text",
		"matches(request.path, request.host)":              "the pattern of matches() must be a fixed text",
		"request.path.matches('a' + 'b')":                  "the pattern of matches() must be a fixed text",
		"identity == identity":                             "identity must be read by field",
		"dyn(request).path == ''":                          "request must be read by field",
		"request.header.cookie == ''":                      "undefined field 'header'",
		"request.query == ''":                              "undefined field 'query'",
		"cidr('10.0.0.0/99').containsIP(request.clientIP)": "invalid cidr argument",
		"request.clientIP == '10.0.0.1'":                   "found no matching overload",
		"'%s'.format([1]) == '1'":                          "undeclared reference to 'format'",
		"now() > timestamp('2026-01-01T00:00:00Z')":        "undeclared reference to 'now'",
		"[1].all(a, [1].all(b, [1].all(c, true)))":         "nesting limit",
		"identity.claims.a.exists(x, identity.claims.b.exists(y, x == y))": "the expression could take ",
		strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200):       "recursion",
		strings.Repeat("[", 400):               "",
		strings.Repeat("a.", 511):              "",
		"true || " + strings.Repeat("a", 2000): "size",
	} {
		_, problems := e.Compile([]policy.Rule{allow("true"), {Name: "wrong", When: expression}})
		if len(problems) != 1 || problems[0].Index != 1 || problems[0].Rule != "wrong" || !strings.Contains(problems[0].String(), want) {
			t.Errorf("%.60q: %v, want %q", expression, problems, want)
		}
	}
	if _, problems := e.Compile(make([]policy.Rule, policy.MaxRules+1)); len(problems) != 1 {
		t.Errorf("too many rules: %v", problems)
	}
	_, problems := e.Compile([]policy.Rule{deny("1"), allow("true"), deny("2")})
	if len(problems) != 2 || problems[0].Index != 0 || problems[1].Index != 2 {
		t.Errorf("two wrong rules: %v", problems)
	}
}

// Whoever writes rules has the page and nothing else.
func TestEveryVariableIsOnThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, problems := environment(t).Compile([]policy.Rule{allow("identity.nothing == 'x'")})
	if len(problems) != 1 {
		t.Fatalf("%v", problems)
	}
	_, known, _ := strings.Cut(problems[0].Message, "known are ")
	names := strings.Split(known, ", ")
	if len(names) < 20 {
		t.Fatalf("found %d variables in %q: the search is broken", len(names), problems[0].Message)
	}
	for _, name := range names {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("docs/api.md does not have %s", name)
		}
	}
}

func TestAnAuthorizationKnowsWhetherItReadsClaims(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]bool{
		"identity.subject == 'ann'":                                   false,
		"request.path == '/claims'":                                   false,
		"identity.claims.org == 'acme'":                               true,
		"has(identity.claims.org)":                                    true,
		"'org' in identity.claims":                                    true,
		"[1].all(x, request.path == '' || size(identity.claims) > 0)": true,
		"[1].exists(identity, .identity.claims.org == 'acme')":        true,
	} {
		if got := compiled(t, deny("false"), allow(expression)).ReadsClaims(); got != want {
			t.Errorf("%s: %t", expression, got)
		}
	}
}

// The refusal goes to the audit log: it names the rule and nothing of the caller.
func TestARefusalTellsNothingOfTheCaller(t *testing.T) {
	t.Parallel()
	in := ann()
	in.Identity.Claims["marked"], in.Request.Path = "planted-secret", "/planted-secret"
	for _, rule := range []policy.Rule{
		allow("identity.claims.marked > 7"), deny("identity.claims.marked > 7"), deny("request.path == '/planted-secret'"),
		deny("identity.claims[identity.claims.marked] == 1"), deny("int(identity.claims.marked) == 1"), deny("cidr(identity.claims.marked).isMask()"),
	} {
		if err := compiled(t, rule).Decide(in); err == nil || strings.Contains(fmt.Sprintf("%+v", err), "planted") {
			t.Errorf("%s: %v", rule.When, err)
		}
	}
}
