// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// applied are the changes of a file on record: outcome, parts, added, removed,
// changed.
func (r *running) applied(t *testing.T, file string) []string {
	t.Helper()
	var found []string
	for _, record := range r.audit.records(t, audit.EventApplied) {
		if record.File == file {
			found = append(found, fmt.Sprintf("%s %d: %d %d %d", record.Outcome, record.Parts, record.Added, record.Removed, record.Changed))
		}
	}
	return found
}

func TestEveryChangeOfTheConfigurationIsOnRecordOnce(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, func(c *contract.Config) { c.Limits = nil })
	less, more := baseConfig(), baseConfig()
	less.Limits = nil
	more.Limits = &contract.Limits{MaxMessageBytes: new(int64(4096))}
	more.Routes[0].Subprotocols = []string{"chat"}
	r.put(t, echo, more)
	others := map[string][]byte{contract.ConfigFile: []byte(`{"version":1,"newRule":{}}`)}
	for file, value := range map[string]any{contract.EndpointsFile: endpoints(echo.Address), contract.RevocationsFile: contract.Revocations{Version: contract.Version}} {
		data, err := contract.Encode(value)
		if err != nil {
			t.Fatal(err)
		}
		others[file] = data
	}
	r.root.RawConfig(t, others)
	until(t, func() string {
		if got := r.applied(t, contract.ConfigFile); len(got) < 3 {
			return fmt.Sprintf("records %v", got)
		}
		return ""
	})
	r.put(t, echo, less)
	digest := r.report(t).Files[contract.ConfigFile].InForce
	r.end(t)
	want := []string{"success 3: 3 0 0", "success 4: 1 0 1", "failure 0: 0 0 0", "success 3: 0 1 1"}
	if diff := cmp.Diff(want, r.applied(t, contract.ConfigFile)); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	changes := r.audit.records(t, audit.EventApplied)
	if last := changes[len(changes)-1]; "sha256:"+last.Digest != digest {
		t.Errorf("the last record has the digest %s, the report %s", last.Digest, digest)
	}
	for _, record := range changes {
		if (record.Outcome == "failure") != strings.Contains(record.Message, "newRule") {
			t.Errorf("record %+v", record)
		}
	}
	if got := r.applied(t, contract.EndpointsFile); len(got) != 1 || got[0] != "success 1: 1 0 0" {
		t.Errorf("endpoints: %v", got)
	}
}

func TestEveryCertificateThatIsServedIsOnRecordOnce(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	first := r.report(t).Listeners[0].Certificate
	r.root.TLSSecret(t, "public-tls", r.ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	until(t, func() string {
		if r.report(t).Listeners[0].Certificate.SHA256 == first.SHA256 {
			return "the old certificate is served"
		}
		return ""
	})
	second := r.report(t).Listeners[0].Certificate
	more := baseConfig()
	more.KeepAdmitted = true
	r.put(t, echo, more)
	r.end(t)
	var got []string
	for _, record := range r.audit.records(t, audit.EventRotated) {
		if !strings.EqualFold(record.ServedSHA256, map[bool]string{true: first.SHA256, false: second.SHA256}[record.PreviousSerial == ""]) || record.NotAfter.IsZero() {
			t.Errorf("record %+v", record)
		}
		got = append(got, strings.ToLower(record.Listener+" "+record.PreviousSerial+" "+record.ServedSerial))
	}
	if diff := cmp.Diff([]string{"public  " + first.SerialNumber, "public " + first.SerialNumber + " " + second.SerialNumber}, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

func TestARevocationIsOnRecordWithWhatItClosed(t *testing.T) {
	t.Parallel()
	i := newIssuer(t)
	r, config, echo := startUsers(t, i)
	conns := 0
	for _, who := range callers(t, i) {
		_ = r.open(t, who.header, who.value)
		conns++
	}
	until(t, func() string {
		if open := r.report(t).Connections; open != int64(conns) {
			return fmt.Sprintf("%d connections are open", open)
		}
		return ""
	})
	file := revocations(func(one *contract.Revocation) {
		one.Subjects = []contract.RevokedSubject{{Subject: "ann", Policy: "users"}}
	})
	nobody := contract.Revocation{Name: "nobody", Until: file.Revocations[0].Until, Subjects: []contract.RevokedSubject{{Subject: "eve", Policy: "users"}}}
	file.Revocations = append(file.Revocations, nobody)
	r.revoke(t, echo, config, file)
	r.end(t)
	got := map[string]int{}
	for _, record := range r.audit.records(t, audit.EventRevoked) {
		got[record.Revocation] += record.Connections
		got[record.Revocation+" records"]++
	}
	closed := 0
	for _, record := range r.audit.records(t, audit.EventClosed) {
		if record.Reason == outcome.CredentialRevoked {
			closed++
		}
	}
	want := map[string]int{"incident": closed, "incident records": 1, "nobody": 0, "nobody records": 1}
	if diff := cmp.Diff(want, got); diff != "" || closed == 0 || closed == conns {
		t.Errorf("%d of %d closed; records (-want +got):\n%s", closed, conns, diff)
	}
}

func TestWhoBreaksARuleOfTheRelayIsOnRecordBeforeTheEnd(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, func(c *contract.Config) { c.Limits = &contract.Limits{MaxMessageBytes: new(int64(1024))} })
	conn := r.dialer("public").MustDial(t, chatURL)
	if err := conn.WriteMessage(websocket.TextMessage, make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("closed by %v", err)
	}
	r.end(t)
	var got []string
	for _, record := range r.audit.all(t) {
		line, err := json.Marshal([]any{record.Event, record.ConnectionID != "", record.Reason, record.Initiator})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, string(line))
	}
	want := []string{
		`["opened",true,"",""]`, `["violation",true,"message_too_big","client"]`, `["closed",true,"message_too_big","client"]`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}
