// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestOriginsAreComparedByteByByte(t *testing.T) {
	t.Parallel()
	listed := &contract.Origins{Allow: []string{"https://app.example.com", "https://other.example.com:8443"}}
	lenient := &contract.Origins{Allow: listed.Allow, AllowMissing: true}
	for _, test := range []struct {
		name    string
		origins *contract.Origins
		fields  []string
		want    outcome.Reason
	}{
		{"listed", listed, []string{"Origin: https://app.example.com"}, ""},
		{"listed with port", listed, []string{"Origin: https://other.example.com:8443"}, ""},
		{"missing", listed, nil, outcome.OriginNotAllowed},
		{"missing and allowed", lenient, nil, ""},
		{"missing without a list", nil, nil, ""},
		{"any without a list", nil, []string{"Origin: https://ws.example.com"}, outcome.OriginNotAllowed},
		{"null", lenient, []string{"Origin: null"}, outcome.OriginNotAllowed},
		{"null on the list", &contract.Origins{Allow: []string{"null"}}, []string{"Origin: null"}, outcome.OriginNotAllowed},
		{"empty", lenient, []string{"Origin: "}, outcome.OriginNotAllowed},
		{"other scheme", lenient, []string{"Origin: http://app.example.com"}, outcome.OriginNotAllowed},
		{"other port", lenient, []string{"Origin: https://app.example.com:443"}, outcome.OriginNotAllowed},
		{"port missing", lenient, []string{"Origin: https://other.example.com"}, outcome.OriginNotAllowed},
		{"longer name", lenient, []string{"Origin: https://app.example.com.evil.example"}, outcome.OriginNotAllowed},
		{"name that ends alike", lenient, []string{"Origin: https://evilapp.example.com"}, outcome.OriginNotAllowed},
		{"other case", lenient, []string{"Origin: https://APP.example.com"}, outcome.OriginNotAllowed},
		{"with a path", lenient, []string{"Origin: https://app.example.com/"}, outcome.OriginNotAllowed},
		{"twice", lenient, []string{"Origin: https://app.example.com", "Origin: https://app.example.com"}, outcome.OriginNotAllowed},
		{"long", lenient, []string{"Origin: https://" + strings.Repeat("a", 10<<10)}, outcome.OriginNotAllowed},
	} {
		s := newScene()
		s.origins = test.origins
		if _, err := s.admit(t, test.fields...); reason(err) != test.want {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
		if test.want != "" && s.policy.calls+len(s.backend.asked) > 0 {
			t.Errorf("%s: went on after the refusal", test.name)
		}
	}
}

func TestAWildcardStandsForOneLabel(t *testing.T) {
	t.Parallel()
	origins := &contract.Origins{Allow: []string{"https://*.example.com", "https://*.dev.example.org:8443"}}
	for _, test := range []struct {
		origin string
		listed bool
	}{
		{"https://app.example.com", true},
		{"https://a.example.com", true},
		{"https://app-2.example.com", true},
		{"https://my_app.example.com", true},
		{"https://xn--bcher-kva.example.com", true},
		{"https://" + strings.Repeat("a", 63) + ".example.com", true},
		{"https://app.dev.example.org:8443", true},

		{"https://example.com", false},
		{"https://.example.com", false},
		{"https://a.b.example.com", false},
		{"https://*.example.com", false},
		{"https://app.example.com.", false},
		{"https://app.example.com:443", false},
		{"https://app.example.com:8443", false},
		{"https://app.dev.example.org", false},
		{"https://app.dev.example.org:84430", false},
		{"http://app.example.com", false},
		{"wss://app.example.com", false},
		{"https://app.example.com/", false},
		{"https://app.example.com?x", false},
		{"https://app.example.com#x", false},
		{"https://appexample.com", false},
		{"https://evilexample.com", false},
		{"https://app.example.com.evil.example", false},
		{"https://evil.example/.example.com", false},
		{"https://evil.example?.example.com", false},
		{"https://evil.example#.example.com", false},
		{"https://evil.example\\.example.com", false},
		{"https://evil.example:1.example.com", false},
		{"https://user@app.example.com", false},
		{"https://evil@.example.com", false},
		{"https://user:pass@app.example.com", false},
		{"https://evil%2eexample%2f.example.com", false},
		{"https://https://app.example.com", false},
		{"https://APP.example.com", false},
		{"https://app.EXAMPLE.com", false},
		{"HTTPS://app.example.com", false},
		{"https://-app.example.com", false},
		{"https://app-.example.com", false},
		{"https://bücher.example.com", false},
		{"https://app.exаmple.com", false},
		{"https://app。example.com", false},
		{"https://a b.example.com", false},
		{"https://app.example.com https://evil.example", false},
		{"https://evil.example, https://app.example.com", false},
		{"https://" + strings.Repeat("a", 64) + ".example.com", false},
		{"https://" + strings.Repeat("a", 10<<10) + ".example.com", false},
		{"null", false},
		{"", false},
	} {
		s := newScene()
		s.origins = origins
		want := outcome.OriginNotAllowed
		if test.listed {
			want = ""
		}
		if _, err := s.admit(t, "Origin: "+test.origin); reason(err) != want {
			t.Errorf("%.80q: %v, want %q", test.origin, err, want)
		}
	}
}
