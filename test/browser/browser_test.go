// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package browser_test

import (
	"strings"
	"testing"
	"time"
)

// result is what a page says of one socket.
type result struct {
	Outcome    string `json:"outcome"`
	Protocol   string `json:"protocol"`
	Extensions string `json:"extensions"`
	Code       int    `json:"code"`
	Clean      bool   `json:"clean"`
}

const gatewayURL = "wss://ws.example.com"

// tries are the sockets that every page opens.
func tries(token, forged string) []try {
	encoded := "base64url.bearer.authorization.k8s.io." + base64url(token)
	return []try{
		{"token alone", gatewayURL + "/chat", []string{"bearer", token}, "bearer"},
		{"token and a protocol", gatewayURL + "/chat", []string{"bearer", token, "chat.v2"}, "chat.v2"},
		{"token behind the protocol", gatewayURL + "/chat", []string{"chat.v2", "bearer", token}, "chat.v2"},
		{"token encoded, and a protocol", gatewayURL + "/chat", []string{encoded, "chat.v2"}, "chat.v2"},
		{"cookie", gatewayURL + "/cookie", nil, ""},
		{"forged token", gatewayURL + "/chat", []string{"bearer", forged}, refused},
		{"marker alone", gatewayURL + "/chat", []string{"bearer"}, refused},
		{"no token", gatewayURL + "/chat", []string{"chat.v2"}, refused},
		{"nothing", gatewayURL + "/chat", nil, refused},
		{"no such route", gatewayURL + "/other", []string{"bearer", token}, refused},
	}
}

func TestPagesOfListedOriginsConnectAndNoOthers(t *testing.T) {
	s := startScene(t)
	origins := []string{
		"https://app.example.com", "https://one.pages.example.com",
		// It has the cookie of the whole domain, as the listed pages have.
		"https://evil.example.com",
		"https://app.example.com.evil.example", "https://app.example.com:8443",
	}
	const listed = 2
	told := s.visit(t, origins)
	for i, origin := range origins {
		t.Run(origin, func(t *testing.T) {
			for _, try := range s.tries {
				check(t, "page", try, told[origin]["page"], i < listed)
				// The origin of a sandboxed frame is null, whoever shows it.
				check(t, "sandbox", try, told[origin]["sandbox"], false)
			}
		})
	}
	open := 0
	for _, try := range s.tries {
		if try.want != refused {
			open += listed
		}
	}
	if got := s.echo.Accepted(); int(got) != open {
		t.Errorf("the backend was reached %d times, want %d", got, open)
	}
	s.gateway.End(t)
	s.checkRecords(t)
}

// check compares what became of a socket with what had to.
func check(t *testing.T, who string, try try, results map[string]result, listed bool) {
	t.Helper()
	got, told := results[try.Name]
	switch {
	case !told:
		t.Errorf("%s: nothing is told of %q", who, try.Name)
	case !listed || try.want == refused:
		if got.Outcome != "refused" || got.Code != 1006 {
			t.Errorf("%s: %s: %+v, want it refused", who, try.Name, got)
		}
	case got != result{Outcome: "echoed", Protocol: try.want, Code: 1000, Clean: true}:
		t.Errorf("%s: %s: %+v, want an echo with protocol %q", who, try.Name, got, try.want)
	}
}

// checkRecords: why pages were refused is in the audit log, what they showed is
// not.
func (s *scene) checkRecords(t *testing.T) {
	t.Helper()
	audit := s.audit.String()
	for _, part := range []string{`"event.reason":"origin_not_allowed"`, `"wsgateway.origin":"null"`, `"event.reason":"bad_credential"`, `"event.action":"opened"`} {
		if !strings.Contains(audit, part) {
			t.Errorf("no %s in the audit log", part)
		}
	}
	for _, text := range []string{audit, s.logs.String(), s.seen()} {
		for _, secret := range []string{s.token, s.forged, base64url(s.token), strings.Split(s.token, ".")[2]} {
			if strings.Contains(text, secret) {
				t.Errorf("a token is in %.300s", text)
			}
		}
	}
}

// visitTime bounds all visits, on a busy machine: Chromium itself waits after
// connections that failed.
const visitTime = 4 * time.Minute
