// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/extension"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestExtensionsMustBeWellFormedAndAreNotPassedOn(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]outcome.Reason{
		"permessage-deflate":                            "",
		" permessage-deflate ; client_max_window_bits ": "",
		`a;b=c;d = "e" , f`:                             "",
		"a; b=7; b=7":                                   "",
		strings.Repeat("a,", 63) + "a":                  "",
		"a" + strings.Repeat(";b", 64):                  "",
		"":                                              outcome.BadRequest,
		",":                                             outcome.BadRequest,
		"a,":                                            outcome.BadRequest,
		"a,,b":                                          outcome.BadRequest,
		"a;":                                            outcome.BadRequest,
		"a;;b":                                          outcome.BadRequest,
		"a;=b":                                          outcome.BadRequest,
		"a;b=":                                          outcome.BadRequest,
		"a=b":                                           outcome.BadRequest,
		"a b":                                           outcome.BadRequest,
		"a;b c":                                         outcome.BadRequest,
		`a;b="`:                                         outcome.BadRequest,
		`a;b=""`:                                        outcome.BadRequest,
		`a;b="c d"`:                                     outcome.BadRequest,
		`a;b="c\"d"`:                                    outcome.BadRequest,
		`a;b="c"d`:                                      outcome.BadRequest,
		`a;b="c" "d"`:                                   outcome.BadRequest,
		`"a"`:                                           outcome.BadRequest,
		"a/b":                                           outcome.BadRequest,
		"é":                                             outcome.BadRequest,
		strings.Repeat("a,", 64) + "a":                  outcome.BadRequest,
		"a" + strings.Repeat(";b", 65):                  outcome.BadRequest,
		"a\r\nSec-WebSocket-Extensions: b;c":            "",
		"a\r\nSec-WebSocket-Extensions: b;":             outcome.BadRequest,
		"a" + strings.Repeat("\r\nSec-WebSocket-Extensions: a", 64): outcome.BadRequest,
	} {
		s := newScene()
		a, err := s.admit(t, "Sec-WebSocket-Extensions: "+value)
		if reason(err) != want {
			t.Errorf("%.60q: %v, want %q", value, err, want)
		}
		if want == "" && (strings.Contains(string(a.Answer), "Extensions") || s.backend.asked[0].Header.Get("Sec-Websocket-Extensions") != "") {
			t.Errorf("%.60q: passed on", value)
		}
	}
}

func TestExtensionsArePassedOnWhereTheRouteSaysSo(t *testing.T) {
	t.Parallel()
	const answered = "permessage-deflate; server_no_context_takeover"
	for offer, want := range map[string]string{
		"permessage-deflate; client_max_window_bits":                                "permessage-deflate; client_max_window_bits",
		"x-webkit-deflate-frame, permessage-deflate;server_max_window_bits=\"10\" ": "permessage-deflate; server_max_window_bits=10",
		"permessage-deflate; server_max_window_bits=9, permessage-deflate":          "permessage-deflate; server_max_window_bits=9, permessage-deflate",
		"permessage-deflate; a=b\r\nSec-WebSocket-Extensions: permessage-deflate":   "permessage-deflate",
		"permessage-bzip2": "",
	} {
		s := newScene()
		s.route.Relay, s.route.Extensions = contract.RelayFrames, contract.ExtensionsPassThrough
		s.backend.extension = answered
		a, err := s.admit(t, "Sec-WebSocket-Extensions: "+offer)
		if err != nil {
			t.Fatalf("%q: %v", offer, err)
		}
		if got := extension.List(s.backend.asked[0].Extensions); got != want {
			t.Errorf("%q: passed on as %q, want %q", offer, got, want)
		}
		if !strings.Contains(string(a.Answer), "\r\nSec-WebSocket-Extensions: "+answered+"\r\n") {
			t.Errorf("%q: answered %q", offer, a.Answer)
		}
	}
	s := newScene()
	s.route.Relay, s.route.Extensions = contract.RelayFrames, contract.ExtensionsPassThrough
	if a, err := s.admit(t, "Sec-WebSocket-Extensions: permessage-deflate"); err != nil || strings.Contains(string(a.Answer), "Extensions") {
		t.Errorf("an extension that the backend declines: %v", err)
	}
	if _, err := s.admit(t, "Sec-WebSocket-Extensions: permessage-deflate;"); reason(err) != outcome.BadRequest {
		t.Errorf("a malformed offer: %v", err)
	}
}

func FuzzExtensions(f *testing.F) {
	for _, seed := range []string{"permessage-deflate; client_max_window_bits", `a;b="c", d`, `a;b="`, ",;=", "a\tb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		offered := []byte(value)
		for i, b := range offered {
			if b < ' ' && b != '\t' || b == 0x7f {
				offered[i] = '?' // the parser of heads refuses control characters
			}
		}
		value = string(offered)
		s := newScene()
		_, err := s.admit(t, "Sec-WebSocket-Extensions: "+value)
		if err == nil && strings.Count(value, `"`)%2 == 1 {
			t.Fatalf("%q was let in", value)
		}
		if err != nil && reason(err) != outcome.BadRequest {
			t.Fatalf("%q: %v", value, err)
		}
	})
}
