// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package explanation_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/explanation"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// marked is longer than every name that is shown.
const marked = "0123456789abcdef-marked-credential"

// FuzzNothingThatIsSentInAHeaderIsShown: of no header but those that cannot carry
// a credential is any value in the output, however it is spelt.
func FuzzNothingThatIsSentInAHeaderIsShown(f *testing.F) {
	for _, name := range []string{"Authorization", "authorization ", "X-API-Key", "Cookie", "Sec-WebSocket-Protocol", "Sec-Websocket-Key", "", "X:Y"} {
		f.Add(name, "Bearer ", "")
		f.Add(name, "a, bearer, ", ",chat")
	}
	f.Fuzz(func(t *testing.T, name, before, behind string) {
		if strings.ContainsAny(name+before+behind, "\r\n") {
			return
		}
		switch http.CanonicalHeaderKey(name) {
		case "Host", "Origin", "Upgrade", "Connection", "Sec-Websocket-Version", "X-Forwarded-For",
			"X-Forwarded-Host", "X-Forwarded-Proto":
			return
		}
		if strings.Contains(name, ":") {
			return // the name ends there
		}
		decision := &explanation.Decision{}
		decision.Refusal = outcome.Refuse(outcome.UnknownServerName, "")
		report := explanation.New(&explanation.Question{
			URL: "wss://ws.example.com/?" + marked, Client: "192.0.2.1",
			Head: []byte("GET /chat?token=" + marked + " HTTP/1.1\r\n" + name + ": " + before + marked + behind + "\r\n\r\n"),
		}, decision)
		var text, document bytes.Buffer
		if err := report.Text(&text); err != nil {
			t.Fatal(err)
		}
		if err := report.JSON(&document); err != nil {
			t.Fatal(err)
		}
		if all := text.String() + document.String(); strings.Contains(all, marked) {
			t.Errorf("shown:\n%s", all)
		}
	})
}

func TestTextHasNoControlCharacters(t *testing.T) {
	t.Parallel()
	decision := &explanation.Decision{}
	decision.Refusal = outcome.Refuse(outcome.UnknownServerName, "\x1b[2J\u202e")
	report := explanation.New(&explanation.Question{URL: "wss://ws.example.com/\x1b", Client: "192.0.2.1"}, decision)
	var text bytes.Buffer
	if err := report.Text(&text); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(text.String(), "\x1b\u202e") {
		t.Errorf("%q", text.String())
	}
}
