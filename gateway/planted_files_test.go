// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// badFiles puts secrets where they are malformed.
func (h *house) badFiles(t *testing.T) {
	t.Helper()
	bad := func(what string) []byte { return []byte(h.mark(t, what)) }
	private := func(what string) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bad(what)})
	}
	twice := bad("key of two devices")
	for _, files := range []struct {
		secret string
		files  map[string][]byte
	}{
		{"devices", map[string][]byte{"a": twice, "b": twice}},
		{"devices", map[string][]byte{"a": append(bad("key with a blank"), " x"...)}},
		{"devices", map[string][]byte{"a": append([]byte("sha256:"), bad("digest")...)}},
		{"devices", map[string][]byte{"a": bad("short key")[:9]}},
		{"users", map[string][]byte{"auth": append([]byte("cid:"), bad("plain password")...)}},
		{"users", map[string][]byte{"auth": append([]byte("cid:$5$"), bad("salt")...)}},
		{"users", map[string][]byte{"auth": bad("line without a colon")}},
		{"users", map[string][]byte{"auth": append([]byte("cid:$apr1$"), bad("MD5 hash")...)}},
		{"signing", map[string][]byte{"jwks.json": fmt.Appendf(nil, `{"keys":[{"kty":"oct","k":"%s`, bad("key cut off"))}},
		{"signing", map[string][]byte{"jwks.json": fmt.Appendf(nil, `{"keys":[{"kty":"oct","k":"%s!"}]}`, bad("key not encoded"))}},
		{"signing", map[string][]byte{"jwks.json": fmt.Appendf(nil, `{"keys":"%s"}`, bad("key as a string"))}},
		{"signing", map[string][]byte{"jwks.json": bad("key bare")}},
		{"public-tls", map[string][]byte{"tls.crt": private("key as a certificate"), "tls.key": private("broken key")}},
		{"public-tls", map[string][]byte{"tls.crt": bad("bare certificate"), "tls.key": bad("bare key")}},
	} {
		// In between it is not there, so that each content is surely looked at.
		h.root.DeleteSecret(t, files.secret)
		h.reported(t, files.secret, true)
		h.root.Secret(t, files.secret, files.files)
		h.reported(t, files.secret, false)
	}
	config := h.config(t)
	config.Policies = append(config.Policies, contract.Policy{Name: "inline", Methods: []contract.Method{{JWT: &contract.JWT{
		Issuer: "https://x.example", Audiences: []string{"a"}, Algorithms: []string{"ES256"}, From: []contract.Source{{Header: "Authorization"}},
		KeySet: contract.KeySet{Inline: fmt.Sprintf(`{"keys":[{"kty":"EC","d":"%s"}]}`, bad("private key in the open"))},
	}}}}, contract.Policy{Name: "remote", Methods: []contract.Method{{JWT: &contract.JWT{
		Issuer: "https://y.example", Audiences: []string{"a"}, Algorithms: []string{"ES256"}, From: []contract.Source{{Header: "Authorization"}},
		KeySet: contract.KeySet{URI: fmt.Sprintf("https://127.0.0.1:1/keys?client_secret=%s", bad("secret of the key set's address")), CABundle: string(private("CA bundle"))},
	}}}})
	h.root.Config(t, config, endpoints(h.echo.Address))
	until(t, func() string {
		if text := fmt.Sprint(h.report(t).Problems); !strings.Contains(text, "inline") || !strings.Contains(text, "remote") {
			return "problems are " + text
		}
		return ""
	})
	for _, text := range []string{`{"version":"%s"}`, `%s`, `{"policies":[{"name":"x","methods":[{"jwt":{"keySet":{"inline":5}}}]},"%s"`} {
		before := h.report(t).Files[contract.ConfigFile].Seen
		h.root.RawConfig(t, map[string][]byte{contract.ConfigFile: fmt.Appendf(nil, text, bad("secret in a file that is none"))})
		until(t, func() string {
			if h.report(t).Files[contract.ConfigFile].Seen == before {
				return "the file was not seen"
			}
			return ""
		})
	}
}

// reported waits until the report tells that a Secret is missing, or bad.
func (h *house) reported(t *testing.T, secret string, missing bool) {
	t.Helper()
	until(t, func() string {
		problems := h.report(t).Problems
		for _, problem := range problems {
			if problem.Secret == secret && (problem.Reason == contract.ProblemSecretNotFound) == missing {
				_, _ = fmt.Fprintln(&h.answers, problem)
				return ""
			}
		}
		return fmt.Sprintf("of Secret %s, missing %t: %+v", secret, missing, problems)
	})
}
