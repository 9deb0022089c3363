// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"compress/gzip"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// keyServerTime bounds the answer to a caller whose key server does not help:
// the five seconds of a fetch, and some for a busy machine.
const keyServerTime = 30 * time.Second

// keyServers are servers that answer with something else than a key set that
// can be used; release ends those that do not answer at all.
func keyServers(m *mint, good, canary string, release <-chan struct{}) map[string]http.HandlerFunc {
	say := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	one := strings.TrimSuffix(strings.TrimPrefix(good, `{"keys":[`), "]}")
	return map[string]http.HandlerFunc{
		"html":     say("<!doctype html><title>Sign in</title>"),
		"nothing":  say(""),
		"no-keys":  say(`{"keys":[]}`),
		"many":     say(`{"keys":[` + one + strings.Repeat(","+one, 10_000) + "]}"),
		"tiny":     say(`{"keys":[` + one + strings.Repeat(",{}", 10_000) + "]}"),
		"deep":     say(`{"keys":[` + one + `],"x":` + nested(100_000) + "}"),
		"twice":    say(`{"keys":[],"keys":[` + one + "]}"),
		"private":  say(strings.Replace(good, `"kty":"EC"`, `"d":"AAAA","kty":"EC"`, 1)),
		"oct":      say(fmt.Sprintf(`{"keys":[%s,{"kty":"oct","k":"%s"}]}`, one, encoded(m.symmetric))),
		"bomb":     bomb,
		"endless":  func(w http.ResponseWriter, _ *http.Request) { pour(w) },
		"silent":   func(http.ResponseWriter, *http.Request) { <-release },
		"drips":    func(w http.ResponseWriter, _ *http.Request) { _ = http.NewResponseController(w).Flush(); <-release },
		"error":    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, good, http.StatusBadGateway) },
		"loop":     func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) },
		"lures":    func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, canary, http.StatusFound) },
		"switches": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusSwitchingProtocols) },
	}
}

// bomb is small on the wire and does not end once it is unpacked.
func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	packed := gzip.NewWriter(w)
	defer func() { _ = packed.Close() }()
	pour(packed)
}

func pour(w io.Writer) {
	for range 1 << 10 {
		if _, err := io.WriteString(w, strings.Repeat(" ", 64<<10)); err != nil {
			return
		}
	}
}

// A policy whose key server does not help admits nobody, says so, and waits for
// a bounded time only; a token of a good signature changes nothing.
func TestKeyServersThatDoNotHelpAdmitNobody(t *testing.T) {
	t.Parallel()
	m, release := newMint(t), make(chan struct{})
	var lured atomic.Int64
	canary := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		lured.Add(1)
		_, _ = io.WriteString(w, m.elliptic.keySet(t))
	}))
	defer canary.Close()
	servers := keyServers(m, m.elliptic.keySet(t), canary.URL, release)
	mux := http.NewServeMux()
	for name, answer := range servers {
		mux.Handle("/"+name, answer)
	}
	mux.HandleFunc("/good", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, m.elliptic.keySet(t)) })
	origin := httptest.NewTLSServer(mux)
	origin.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	defer origin.Close()
	defer close(release)

	ca, root, echo := wstest.NewCA(t), wstest.NewRoot(t), wstest.Echo(t)
	config := baseConfig()
	config.Policies, config.Routes = nil, nil
	add := func(name, address string) {
		config.Policies = append(config.Policies, contract.Policy{Name: name, Methods: []contract.Method{{JWT: &contract.JWT{
			Issuer: attackIssuer, Audiences: []string{"chat"}, Algorithms: []string{"ES256", "HS256"}, From: []contract.Source{{Header: "Authorization"}},
			KeySet: contract.KeySet{URI: address, CABundle: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: origin.Certificate().Raw}))},
		}}}})
		config.Routes = append(config.Routes, contract.Route{
			Name: name, Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/" + name}, Policy: name, Backends: []contract.Backend{{Name: "echo"}},
		})
	}
	for name := range servers {
		add(name, origin.URL+"/"+name)
	}
	add("down", "https://127.0.0.1:1/keys")
	add("good", origin.URL+"/good")
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Config(t, config, endpoints(echo.Address))
	f := &fortress{running: start(t, root, ca, nil), echo: echo, mint: m}

	t.Run("all at once", func(t *testing.T) {
		for _, route := range config.Routes {
			t.Run(route.Name, func(t *testing.T) {
				t.Parallel()
				want := http.StatusServiceUnavailable
				if route.Name == "good" {
					want = http.StatusSwitchingProtocols
				}
				response, body, took := f.strike(t, on("/"+route.Name, "Authorization: Bearer "+m.good(t)))
				if response.StatusCode != want || took > keyServerTime {
					t.Errorf("status %d %q after %v, want %d", response.StatusCode, body, took, want)
				}
			})
		}
	})
	if got := echo.Accepted(); got != 1 || lured.Load() != 0 {
		t.Errorf("the backend was reached %d times, want once; the address of a redirect %d times", got, lured.Load())
	}
	told := map[string]bool{}
	for _, problem := range f.report(t).Problems {
		if told[problem.Policy] = true; problem.Reason != contract.ProblemKeySetUnavailable || problem.Serving || strings.Contains(problem.Message, "AAAA") {
			t.Errorf("problem %+v", problem)
		}
	}
	if len(told) != len(servers)+1 || told["good"] {
		t.Errorf("problems are told of %v", told)
	}
}
