// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// written returns the one line that a use of the log gives.
func written(t testing.TB, use func(*audit.Log)) string {
	t.Helper()
	out := &sink{}
	log := newLog(out, newClock())
	use(log)
	if err := log.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := out.Lines()
	if len(lines) != 2 {
		t.Fatalf("%d lines %q, want one and the final checkpoint", len(lines), lines)
	}
	return lines[0]
}

func TestTextsOfClientsAreMadeHarmless(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		attempt audit.Attempt
		want    map[string]any
	}{
		"a query is never written": {
			attempt: audit.Attempt{Host: "a?token=secret", Path: "/chat?access_token=secret", Origin: "https://a.example?secret"},
			want:    map[string]any{"url.domain": "a", "url.path": "/chat", "wsgateway.origin": "https://a.example"},
		},
		"nor is a fragment": {
			attempt: audit.Attempt{Path: "/chat#secret"}, want: map[string]any{"url.path": "/chat"},
		},
		"line breaks and quotes do not end a record": {
			attempt: audit.Attempt{Path: "/\n{\"event.action\":\"opened\"}\r\n", Host: "a\u2028b\u2029c"},
			want:    map[string]any{"url.path": "/\uFFFD{\"event.action\":\"opened\"}\uFFFD\uFFFD", "url.domain": "a\uFFFDb\uFFFDc"},
		},
		"escape sequences reach no terminal": {
			attempt: audit.Attempt{Path: "/\x1b[2J", Origin: "\u009b2J", Host: "a\x7fb\x00"},
			want:    map[string]any{"url.path": "/\uFFFD[2J", "wsgateway.origin": "\uFFFD2J", "url.domain": "a\uFFFDb\uFFFD"},
		},
		"the direction of writing stays": {
			attempt: audit.Attempt{Path: "/\u202egpj"}, want: map[string]any{"url.path": "/\uFFFDgpj"},
		},
		"invalid UTF-8 is replaced": {
			attempt: audit.Attempt{Path: "/\xff\xc3("}, want: map[string]any{"url.path": "/\uFFFD\uFFFD("},
		},
		"what is printable stays": {
			attempt: audit.Attempt{Path: "/Zoë/日本/<a>&b", Host: "ws.example.com:8443"},
			want:    map[string]any{"url.path": "/Zoë/日本/<a>&b", "url.domain": "ws.example.com:8443"},
		},
		"long texts are cut and named": {
			attempt: audit.Attempt{Path: "/" + strings.Repeat("p", 5000), Host: strings.Repeat("h", 257), Origin: strings.Repeat("o", 256)},
			want: map[string]any{
				"url.path": "/" + strings.Repeat("p", 1023), "url.domain": strings.Repeat("h", 256), "wsgateway.origin": strings.Repeat("o", 256),
				"wsgateway.truncated": []any{"url.domain", "url.path"},
			},
		},
		"a cut never splits a character": {
			attempt: audit.Attempt{Host: "a" + strings.Repeat("ß", 200)},
			want:    map[string]any{"url.domain": "a" + strings.Repeat("ß", 127), "wsgateway.truncated": []any{"url.domain"}},
		},
		"replacements count too": {
			attempt: audit.Attempt{Host: strings.Repeat("\x00", 200)},
			want:    map[string]any{"url.domain": strings.Repeat("\uFFFD", 85), "wsgateway.truncated": []any{"url.domain"}},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			line := written(t, func(log *audit.Log) { log.Denied(&tt.attempt, outcome.Refuse(outcome.NoRoute, "")) })
			got := parse(t, line)
			for _, field := range []string{
				"@timestamp", "wsgateway.schema", "ecs.version", "service.name", "service.node.name", "service.ephemeral_id", "event.sequence",
				"wsgateway.chain.first", "event.action", "event.category", "event.type", "event.outcome", "event.reason",
				"http.response.status_code", "wsgateway.count",
			} {
				delete(got, field)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzRecord puts anything into all fields: there is always exactly one line of
// valid JSON, of bounded length, without a control character or a query.
func FuzzRecord(f *testing.F) {
	for _, seed := range []string{"", "a", "/chat?secret", "\n", "\"", "\\", "\xff", "\u2028", "{}", strings.Repeat("\"", 5000), strings.Repeat("\xf0\x9f", 700), "<script>"} {
		f.Add(seed, seed, uint64(1), 1000)
	}
	f.Fuzz(func(t *testing.T, text, other string, n uint64, code int) {
		c := &audit.Connection{
			ID: text, Listener: other, Route: text, Policy: other, Method: text, Issuer: other, Subject: text, KeyID: other,
			ClientAddress: text, ServerName: other, Host: text, Path: other, Origin: text, Subprotocol: other, TraceID: text,
			TLSVersion: text, Cipher: other, Group: text, Backend: other, BackendAddress: text, WouldRefuseDetail: text,
			Certificate: &audit.Certificate{Subject: text, Issuer: other, Serial: text},
		}
		traffic := audit.Traffic{MessagesFromClient: n, BytesToClient: ^n}
		for _, use := range []func(*audit.Log){
			func(log *audit.Log) { log.Opened(c) },
			func(log *audit.Log) { log.Progress(c, traffic) },
			func(log *audit.Log) {
				log.Closed(c, traffic, &outcome.Closure{Reason: outcome.ClientClosed, Code: code, Initiator: outcome.ByClient, Detail: text})
			},
			func(log *audit.Log) {
				log.Denied(&audit.Attempt{
					ClientAddress: text, Host: text, Path: other, Origin: text, Certificate: c.Certificate,
					Identity: &audit.Identity{Method: text, Issuer: other, Subject: text, KeyID: other},
				}, &outcome.Refusal{Reason: outcome.NoRoute, Detail: other})
			},
		} {
			line := written(t, use)
			if !json.Valid([]byte(line)) || !utf8.ValidString(line) || len(line) >= 16<<10 {
				t.Fatalf("line of %d bytes: %q", len(line), line)
			}
			if i := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); i >= 0 {
				t.Fatalf("unprintable at %d: %q", i, line)
			}
			record := parse(t, line)
			for _, field := range []string{"url.domain", "url.path", "wsgateway.origin"} {
				if value, _ := record[field].(string); strings.ContainsAny(value, "?#") {
					t.Fatalf("%s with a query: %q", field, value)
				}
			}
		}
	})
}
