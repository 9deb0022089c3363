// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"bytes"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// fullConfig uses every field at least once.
func fullConfig() contract.Config {
	return contract.Config{
		Version: contract.Version,
		Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"},
		Listeners: []contract.Listener{{
			Name: "public", Port: 443, BindPort: 10443, Hostnames: []string{"ws.example.com"}, MinTLSVersion: "1.2", CertificateSecret: "edge.public",
			ClientAddress: &contract.ClientAddress{
				ProxyProtocol: true, ForwardedFor: true,
				Trusted: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")},
			},
			ClientCertificates: &contract.ClientCertificates{
				Required: true, Fault: contract.FaultClientCAUnavailable,
				Bundles: []contract.CABundle{{ConfigMap: "partners", Key: "ca.crt", Certificates: "PEM"}},
			},
			NoSessionTickets: true,
		}},
		Policies: []contract.Policy{
			{
				Name: "users",
				Methods: []contract.Method{
					{JWT: &contract.JWT{
						Issuer: "https://id.example.com", Audiences: []string{"chat"}, Algorithms: []string{"ES256"},
						KeySet: contract.KeySet{Inline: `{"keys":[]}`},
						From:   []contract.Source{{Header: "Authorization"}, {Subprotocol: "bearer"}},

						RequiredClaims: map[string][]string{"org": {"acme"}}, ClockSkew: new(contract.Duration(0)),
					}},
					{JWT: &contract.JWT{
						Issuer: "https://two.example.com", Audiences: []string{"chat"}, Algorithms: []string{"HS256"},
						KeySet: contract.KeySet{Secret: &contract.SecretKey{Secret: "hmac", Key: "jwks.json"}},
						From:   []contract.Source{{Header: "Authorization"}},
					}},
					{JWT: &contract.JWT{
						Issuer: "https://three.example.com", Audiences: []string{"chat"}, Algorithms: []string{"RS256"},
						KeySet: contract.KeySet{URI: "https://three.example.com/jwks", CABundle: "PEM"},
						From:   []contract.Source{{Header: "Authorization"}},
					}},
					{APIKey: &contract.APIKey{Secret: "keys", From: []contract.Source{{Header: "X-Api-Key"}}}},
					{APIKey: &contract.APIKey{Secret: "more", From: []contract.Source{
						{Cookie: "session"}, {Query: "key"}, {Subprotocol: "base64url.bearer.authorization.k8s.io"},
					}}},
					{Basic: &contract.Basic{File: contract.SecretKey{Secret: "users", Key: "auth"}}},
					{ClientCertificate: &contract.ClientCertificate{IdentityFrom: contract.IdentityFromURI, Patterns: []string{"urn:*"}}},
					{Anonymous: &contract.Anonymous{}},
				},
				Origins:         &contract.Origins{Allow: []string{"https://*.example.com", "https://app.example.com"}, AllowMissing: true},
				IdentityHeaders: []contract.IdentityHeader{{Name: "X-User", Claim: "sub"}},
				ClientCIDRs: &contract.ClientCIDRs{
					Allow: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, Deny: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")},
				},
				Authorization: &contract.Authorization{Rules: []contract.Rule{
					{Name: "blocked", Action: contract.ActionDeny, When: "request.path == '/x'"},
					{Name: "members", Action: contract.ActionAllow, When: "true"},
				}},
				ExpiryGrace: contract.Duration(time.Minute),
			},
			{Name: "broken", Fault: contract.FaultPolicyInvalid},
		},
		BackendTLS: []contract.BackendTLS{{
			Name: "inside", Bundles: []contract.CABundle{{ConfigMap: "cas", Key: "ca.crt", Certificates: "CA"}}, CertificateSecret: "client",
		}},
		Routes: []contract.Route{
			{
				Name: "chat", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/chat"}, Policy: "users",
				Subprotocols: []string{"chat.v2"}, Backends: []contract.Backend{{Name: "echo:80"}, {Name: "canary:80", Weight: new(int32(0)), TLS: "inside", ServerName: "canary.default.svc"}},
				Limits: &contract.RouteLimits{
					MaxMessageBytes: new(int64(5)), MaxFrameBytes: new(int64(4)), MessageTypes: contract.OnlyText,
					MessagesPerSecond: new(int32(3)), BytesPerSecond: new(int32(4096)),
					IdleTimeout: new(contract.Duration(time.Minute)), MaxConnectionAge: new(contract.Duration(time.Hour)),
				},
				LoadBalancing: &contract.LoadBalancing{
					Policy: contract.BalanceConsistentHash, Hash: &contract.Hash{By: contract.HashHeader, Header: "X-Room", MaxLoadPercent: new(int32(200))},
				},
			},
			{Name: "lost", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Exact: "/lost"}, Fault: contract.FaultPolicyNotFound},
		},
		Limits: &contract.Limits{
			MaxConnectionsPerIdentity: new(int32(3)), MaxConnectionsPerAddress: new(int32(4)),
			HandshakesPerSecond: new(int32(70)), HandshakesPerSecondPerAddress: new(int32(8)),
			MaxConnections: new(int32(5)), MaxMessageBytes: new(int64(6)), RequestHeaderBytes: new(int32(2048)),
			HandshakeTimeout: new(contract.Duration(time.Second)), IdleTimeout: new(contract.Duration(time.Hour)),
			PingInterval: new(contract.Duration(time.Minute)), PongTimeout: new(contract.Duration(90 * time.Second)),
			MaxFrameBytes: new(int64(9)), MaxFragments: new(int32(10)), MessageTypes: contract.OnlyText,
			MessagesPerSecond: new(int32(11)), ControlFramesPerSecond: new(int32(12)), BytesPerSecond: new(int32(5000)), FrameTimeout: new(contract.Duration(time.Second)),
			BackendPongTimeout: new(contract.Duration(time.Hour)), WriteTimeout: new(contract.Duration(time.Minute)), MaxConnectionAge: new(contract.Duration(24 * time.Hour)),
		},
		Audit: &contract.Audit{ProgressInterval: new(contract.Duration(time.Minute))},
		Tracing: &contract.Tracing{
			OTLP: contract.OTLP{Backend: "otel-collector:4317"}, Ratio: new(0.25), ContinueClients: true,
		},

		KeepAdmitted: true,
	}
}

func encode(t testing.TB, file any) []byte {
	t.Helper()
	data, err := contract.Encode(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestAConfigComesBackEqualToTheByte(t *testing.T) {
	t.Parallel()
	data := encode(t, fullConfig())
	parsed, err := contract.ParseConfig(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fullConfig(), parsed, cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again := encode(t, parsed); !bytes.Equal(data, again) || contract.Digest(data) != contract.Digest(again) {
		t.Errorf("encoded again:\n%s\n%s", data, again)
	}
}

func TestEndpointsComeBackEqualToTheByte(t *testing.T) {
	t.Parallel()
	endpoints := contract.Endpoints{Version: 1, Backends: map[string]contract.BackendEndpoints{
		"b": {Addresses: []string{"10.0.0.1:80", "[fd00::1]:80"}, Service: "10.1.0.1:80"}, "a": {Service: "10.1.0.2:80"}, "c": {},
	}}
	data := encode(t, endpoints)
	parsed, err := contract.ParseEndpoints(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(endpoints, parsed); diff != "" || !bytes.Equal(data, encode(t, parsed)) {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAConfigThatCannotBeReadFullyIsRefused(t *testing.T) {
	t.Parallel()
	good := string(encode(t, fullConfig()))
	for name, text := range map[string]string{
		"empty":                        "",
		"no JSON":                      "{",
		"another kind":                 "[]",
		"null":                         "null",
		"unknown field":                strings.Replace(good, `"gateway"`, `"newRule":{},"gateway"`, 1),
		"unknown field deep inside":    strings.Replace(good, `"issuer"`, `"newRule":1,"issuer"`, 1),
		"data behind the end":          good + "{}",
		"truncated":                    good[:len(good)-10],
		"too large":                    good + strings.Repeat(" ", contract.MaxFileBytes),
		"no version":                   strings.Replace(good, `"version":1`, `"version":0`, 1),
		"next version":                 strings.Replace(good, `"version":1`, `"version":2`, 1),
		"bad duration":                 strings.Replace(good, `"1s"`, `"1 second"`, 1),
		"backend TLS twice":            strings.Replace(good, `"backendTLS":[`, `"backendTLS":[{"name":"inside"},`, 1),
		"backend TLS without a name":   strings.Replace(good, `"backendTLS":[`, `"backendTLS":[{"name":""},`, 1),
		"backend TLS, empty bundle":    strings.Replace(good, `"certificates":"CA"`, `"certificates":""`, 1),
		"backend TLS, nine bundles":    strings.Replace(good, `"name":"inside","bundles":[`, `"name":"inside","bundles":[`+strings.Repeat(`{"configMap":"a","key":"b","certificates":"C"},`, 8), 1),
		"backend TLS, Secret outside":  strings.Replace(good, `"certificateSecret":"client"`, `"certificateSecret":"../client"`, 1),
		"backend of no such TLS":       strings.Replace(good, `"tls":"inside"`, `"tls":"outside"`, 1),
		"backend without server name":  strings.Replace(good, `,"serverName":"canary.default.svc"`, ``, 1),
		"server name without TLS":      strings.Replace(good, `"tls":"inside",`, ``, 1),
		"balancing of no kind":         strings.Replace(good, `"consistentHash"`, `"random"`, 1),
		"balancing in turn by a hash":  strings.Replace(good, `"consistentHash"`, `"roundRobin"`, 1),
		"balancing by hash of nothing": strings.Replace(good, `,"hash":{"by":"header","header":"X-Room","maxLoadPercent":200}`, ``, 1),
		"hash of an unknown key":       strings.Replace(good, `"by":"header"`, `"by":"cookie"`, 1),
		"hash of a header without one": strings.Replace(good, `"header":"X-Room",`, ``, 1),
		"hash of a path with a header": strings.Replace(good, `"by":"header"`, `"by":"path"`, 1),
		"hash with less than the mean": strings.Replace(good, `"maxLoadPercent":200`, `"maxLoadPercent":99`, 1),
		"same listener twice":          strings.Replace(good, `"listeners":[`, `"listeners":[{"name":"public","port":1,"bindPort":1,"hostnames":["a"],"minTLSVersion":"1.3","certificateSecret":"x"},`, 1),
		"TLS 1.1":                      strings.Replace(good, `"minTLSVersion":"1.2"`, `"minTLSVersion":"1.1"`, 1),
		"port out of range":            strings.Replace(good, `"port":443`, `"port":70000`, 1),
		"Secret that leads outside":    strings.Replace(good, `"certificateSecret":"edge.public"`, `"certificateSecret":"../other"`, 1),
		"Secret that is a path":        strings.Replace(good, `"secret":"keys"`, `"secret":"a/b"`, 1),
		"key that leads outside":       strings.Replace(good, `"key":"jwks.json"`, `"key":".."`, 1),
		"method of no kind":            strings.Replace(good, `{"anonymous":{}}`, `{}`, 1),
		"method of two kinds":          strings.Replace(good, `{"anonymous":{}}`, `{"anonymous":{},"apiKey":{"secret":"k","from":[{"header":"X"}]}}`, 1),
		"JWT without audience":         strings.Replace(good, `"audiences":["chat"]`, `"audiences":[]`, 1),
		"JWT without algorithms":       strings.Replace(good, `"algorithms":["ES256"]`, `"algorithms":[]`, 1),
		"clock skew of an hour":        strings.Replace(good, `"clockSkew":"0s"`, `"clockSkew":"1h"`, 1),
		"clock skew below zero":        strings.Replace(good, `"clockSkew":"0s"`, `"clockSkew":"-1s"`, 1),
		"claim without values":         strings.Replace(good, `"org":["acme"]`, `"org":[]`, 1),
		"claim without a name":         strings.Replace(good, `"org":["acme"]`, `"":["acme"]`, 1),
		"anybody tells addresses":      strings.Replace(good, `"10.0.0.0/8"`, `"0.0.0.0/0"`, 1),
		"nobody tells addresses":       strings.Replace(good, `"trusted":["10.0.0.0/8","2001:db8::/32"]`, `"trusted":[]`, 1),
		"addresses told in no way":     strings.Replace(good, `"proxyProtocol":true,"forwardedFor":true,`, ``, 1),
		"network with host bits":       strings.Replace(good, `"10.0.0.0/8"`, `"10.0.0.1/8"`, 1),
		"network of IPv4 in IPv6":      strings.Replace(good, `"10.0.0.0/8"`, `"::ffff:10.0.0.0/104"`, 1),
		"network that is none":         strings.Replace(good, `"10.0.0.0/8"`, `"10.0.0.0"`, 1),
		"two ways on one port":         strings.Replace(good, `"listeners":[`, `"listeners":[{"name":"a","port":443,"bindPort":10443,"hostnames":["a"],"minTLSVersion":"1.3","certificateSecret":"x"},`, 1),
		"rate of nothing":              strings.Replace(good, `"handshakesPerSecond":70`, `"handshakesPerSecond":0`, 1),
		"rate below nothing":           strings.Replace(good, `"handshakesPerSecondPerAddress":8`, `"handshakesPerSecondPerAddress":-8`, 1),
		"networks of nobody":           strings.Replace(good, `"allow":["192.0.2.0/24"],"deny":["2001:db8::/32"]`, "", 1),
		"client network, host bits":    strings.Replace(good, `"192.0.2.0/24"`, `"192.0.2.1/24"`, 1),
		"client network, mapped":       strings.Replace(good, `"deny":["2001:db8::/32"]`, `"deny":["::ffff:192.0.2.0/120"]`, 1),
		"client network, no length":    strings.Replace(good, `"192.0.2.0/24"`, `"192.0.2.0"`, 1),
		"client network, empty":        strings.Replace(good, `"192.0.2.0/24"`, `""`, 1),
		"rules that are none":          strings.Replace(good, `{"name":"blocked","action":"Deny","when":"request.path == '/x'"},{"name":"members","action":"Allow","when":"true"}`, "", 1),
		"rule twice":                   strings.Replace(good, `"name":"blocked"`, `"name":"members"`, 1),
		"rule without a name":          strings.Replace(good, `"name":"blocked"`, `"name":""`, 1),
		"rule of an unknown action":    strings.Replace(good, `"action":"Deny"`, `"action":"Log"`, 1),
		"rule without an action":       strings.Replace(good, `"action":"Deny",`, ``, 1),
		"rule without an expression":   strings.Replace(good, `"when":"true"`, `"when":""`, 1),
		"origin of anybody":            strings.Replace(good, `"https://*.example.com"`, `"https://*"`, 1),
		"star alone as an origin":      strings.Replace(good, `"https://*.example.com"`, `"*"`, 1),
		"two stars in an origin":       strings.Replace(good, `"https://*.example.com"`, `"https://*.*.example.com"`, 1),
		"star in the middle of a host": strings.Replace(good, `"https://*.example.com"`, `"https://app.*.com"`, 1),
		"star for a part of a label":   strings.Replace(good, `"https://*.example.com"`, `"https://app-*.example.com"`, 1),
		"star as the scheme":           strings.Replace(good, `"https://*.example.com"`, `"*://app.example.com"`, 1),
		"credential from two more":     strings.Replace(good, `{"cookie":"session"}`, `{"cookie":"session","query":"key"}`, 1),
		"credential marker unknown":    strings.Replace(good, `{"subprotocol":"bearer"}`, `{"subprotocol":"basic"}`, 1),
		"external behind anonymous":    strings.Replace(good, `{"anonymous":{}}`, `{"external":{"backend":"a:1","service":"a"}},{"anonymous":{}}`, 1),
		"external without a backend":   strings.Replace(good, `{"anonymous":{}}`, `{"external":{"backend":"","service":"a"}}`, 1),
		"external without a Service":   strings.Replace(good, `{"anonymous":{}}`, `{"external":{"backend":"a:1"}}`, 1),
		"external with a minute":       strings.Replace(good, `{"anonymous":{}}`, `{"external":{"backend":"a:1","service":"a","timeout":"1m"}}`, 1),
		"external without any time":    strings.Replace(good, `{"anonymous":{}}`, `{"external":{"backend":"a:1","service":"a","timeout":"0s"}}`, 1),
		"traces to nowhere":            strings.Replace(good, `"backend":"otel-collector:4317"`, `"backend":""`, 1),
		"traces without a collector":   strings.Replace(good, `"otlp":{"backend":"otel-collector:4317"},`, ``, 1),
		"traces of more than all":      strings.Replace(good, `"ratio":0.25`, `"ratio":1.5`, 1),
		"traces of less than none":     strings.Replace(good, `"ratio":0.25`, `"ratio":-0.1`, 1),
		"external asked all the time":  strings.Replace(good, `{"anonymous":{}}`, `{"external":{"backend":"a:1","service":"a","revalidateEvery":"1ms"}}`, 1),
		"external asked backwards":     strings.Replace(good, `{"anonymous":{}}`, `{"external":{"backend":"a:1","service":"a","revalidateEvery":"-1h"}}`, 1),
		"password file outside":        strings.Replace(good, `"key":"auth"`, `"key":"../auth"`, 1),
		"certificate of no name":       strings.Replace(good, `"SubjectAltNameURI"`, `"CommonName"`, 1),
		"pattern with two stars":       strings.Replace(good, `"urn:*"`, `"urn:*:*"`, 1),
		"pattern of nothing":           strings.Replace(good, `"urn:*"`, `""`, 1),
		"CA bundle without CAs":        strings.Replace(good, `"certificates":"PEM"`, `"certificates":""`, 1),
		"no CA bundle and no fault":    strings.Replace(good, `"bundles":[{"configMap":"partners","key":"ca.crt","certificates":"PEM"}],"fault":"client_ca_unavailable"`, `"bundles":[]`, 1),
		"nine CA bundles":              strings.Replace(good, `"bundles":[`, `"bundles":[`+strings.Repeat(`{"configMap":"partners","key":"ca.crt","certificates":"PEM"},`, 8), 1),
		"two key sets":                 strings.Replace(good, `"uri":`, `"inline":"x","uri":`, 1),
		"credential from nowhere":      strings.Replace(good, `[{"header":"X-Api-Key"}]`, `[]`, 1),
		"credential from two places":   strings.Replace(good, `{"header":"X-Api-Key"}`, `{"header":"X-Api-Key","subprotocol":"bearer"}`, 1),
		"route with unknown policy":    strings.Replace(good, `"policy":"users"`, `"policy":"other"`, 1),
		"route with no policy":         strings.Replace(good, `"policy":"users",`, ``, 1),
		"route without hostnames":      strings.Replace(good, `"hostnames":["ws.example.com"],"path"`, `"hostnames":[],"path"`, 1),
		"route with two paths":         strings.Replace(good, `{"prefix":"/chat"}`, `{"prefix":"/chat","exact":"/chat"}`, 1),
		"route of an unknown relay":    strings.Replace(good, `"backends":[{"name":"echo:80"}`, `"relay":"telepathy","backends":[{"name":"echo:80"}`, 1),
		"route of unknown extensions":  strings.Replace(good, `"backends":[{"name":"echo:80"}`, `"relay":"frames","extensions":"all","backends":[{"name":"echo:80"}`, 1),
		"extensions of whole messages": strings.Replace(good, `"backends":[{"name":"echo:80"}`, `"extensions":"passThrough","backends":[{"name":"echo:80"}`, 1),
		"route without backends":       strings.Replace(good, `"backends":[{"name":"echo:80"},{"name":"canary:80","weight":0,"tls":"inside","serverName":"canary.default.svc"}]`, `"backends":[]`, 1),
		"backend of negative weight":   strings.Replace(good, `"weight":0`, `"weight":-1`, 1),
		"policy without methods":       strings.Replace(good, `{"name":"broken","fault":"policy_invalid"}`, `{"name":"broken"}`, 1),
		"policy that nobody can name":  strings.Replace(good, `{"name":"broken",`, `{"name":"",`, 1),
	} {
		if text == good {
			t.Errorf("%s: the text was not changed", name)
		}
		if _, err := contract.ParseConfig([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		} else if !strings.HasPrefix(err.Error(), contract.ConfigFile) {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
	}
	if _, err := contract.ParseConfig([]byte(strings.Replace(good, `"version":1`, `"version":2`, 1))); !errors.Is(err, contract.ErrVersion) {
		t.Errorf("another version is %v", err)
	}
}

func TestOtherFilesAreHeldToTheSameRules(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		parse func([]byte) error
		text  string
		good  bool
	}{
		"endpoints":                {parseEndpoints, `{"version":1}`, true},
		"endpoints, version":       {parseEndpoints, `{"version":3}`, false},
		"endpoints, unknown field": {parseEndpoints, `{"version":1,"x":1}`, false},
		"endpoints, no port":       {parseEndpoints, `{"version":1,"backends":{"a":{"addresses":["10.0.0.1"]}}}`, false},
		"endpoints, bad service":   {parseEndpoints, `{"version":1,"backends":{"a":{"service":"10.0.0.1"}}}`, false},
		"revocations":              {parseRevocations, `{"version":1}`, true},
		"revocations, version":     {parseRevocations, `{"version":2}`, false},
		"revocations, entries":     {parseRevocations, `{"version":1,"entries":[]}`, false},
	} {
		if err := test.parse([]byte(test.text)); (err == nil) != test.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func parseEndpoints(data []byte) error {
	_, err := contract.ParseEndpoints(data)
	return err
}

func parseRevocations(data []byte) error {
	_, err := contract.ParseRevocations(data)
	return err
}

func TestWhatIsAbsentHasItsDefault(t *testing.T) {
	t.Parallel()
	var limits *contract.Limits
	want := contract.EffectiveLimits{
		MaxMessageBytes: 1 << 20, MaxFragments: 1<<20 + 10_000, ControlFramesPerSecond: 100, FrameTimeout: time.Minute, BackendPongTimeout: 2 * time.Minute, WriteTimeout: 10 * time.Second, RequestHeaderBytes: 16 << 10, HandshakeTimeout: 10 * time.Second,
		IdleTimeout: 10 * time.Minute, PingInterval: 30 * time.Second, PongTimeout: 10 * time.Second,
	}
	if diff := cmp.Diff(want, limits.WithDefaults()); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	var audit *contract.Audit
	if got := audit.ProgressEvery(); got != 5*time.Minute {
		t.Errorf("progress every %v", got)
	}
	if got := contract.BindPort(443); got != 10443 {
		t.Errorf("443 binds %d", got)
	}
	if got := contract.BindPort(8443); got != 8443 {
		t.Errorf("8443 binds %d", got)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(encode(f, fullConfig()))
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`{"version":1,"routes":[{"name":"a","hostnames":["b"],"path":{"exact":"/"},"fault":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		config, err := contract.ParseConfig(data)
		if err != nil {
			return
		}
		first := encode(t, config)
		again, err := contract.ParseConfig(first)
		if err != nil {
			t.Fatalf("what we wrote cannot be read: %v\n%s", err, first)
		}
		if second := encode(t, again); !bytes.Equal(first, second) {
			t.Fatalf("not stable:\n%s\n%s", first, second)
		}
	})
}
