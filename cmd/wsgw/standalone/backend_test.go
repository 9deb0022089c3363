// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package standalone_test

import (
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/standalone"
)

func TestParseBackend(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		want standalone.Backend
		ok   bool
	}{
		"echo=127.0.0.1:9000":         {standalone.Backend{Service: "echo", Address: "127.0.0.1:9000"}, true},
		"echo:8080=localhost:9000":    {standalone.Backend{Service: "echo", Port: 8080, Address: "localhost:9000"}, true},
		"team/echo:8080=[::1]:9000":   {standalone.Backend{Namespace: "team", Service: "echo", Port: 8080, Address: "[::1]:9000"}, true},
		"team/echo=127.0.0.1:9000":    {standalone.Backend{Namespace: "team", Service: "echo", Address: "127.0.0.1:9000"}, true},
		"echo":                        {},
		"=127.0.0.1:9000":             {},
		"/echo=127.0.0.1:9000":        {},
		"a/b/c=127.0.0.1:9000":        {},
		"echo=127.0.0.1":              {},
		"echo=:9000":                  {},
		"echo=127.0.0.1:0":            {},
		"echo=127.0.0.1:http":         {},
		"echo:0=127.0.0.1:9000":       {},
		"echo:65536=127.0.0.1:9000":   {},
		"echo:80:81=127.0.0.1:9000":   {},
		"echo:=127.0.0.1:9000":        {},
		"echo:8080=127.0.0.1:9000=80": {},
	}
	for text, test := range tests {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := standalone.ParseBackend(text)
			if (err == nil) != test.ok || got != test.want {
				t.Fatalf("got %+v, %v", got, err)
			}
			if test.ok && got.String() != text {
				t.Errorf("written again it is %q", got)
			}
		})
	}
}
