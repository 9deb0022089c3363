// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// incident locks the caller of token out for a while.
func incident(gateway string, lasts time.Duration) string {
	return fmt.Sprintf(`apiVersion: wsgateway.dev/v1alpha1
kind: WebSocketRevocation
metadata: {name: incident}
spec:
  gatewayRefs: [{name: %s}]
  until: %q
  subjects: [{subject: somebody, issuer: "https://id.example.com"}]
`, gateway, time.Now().Add(lasts).UTC().Format(time.RFC3339))
}

func TestARevocationAmongTheFilesLocksOut(t *testing.T) {
	t.Parallel()
	echo := wstest.Echo(t)
	state, folder := t.TempDir(), t.TempDir()
	for _, name := range []string{"gateway.yaml", "jwks.yaml"} {
		text, err := os.ReadFile(filepath.Join(sample, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, name), string(text))
	}
	p := launch(t, program, "run", "-f", folder, "--state", state, "--port", "public=0", "--backend", "echo="+echo.Address)
	dialer := p.dialer(t, "public", state, headers("Origin", origin, "Authorization", "Bearer "+token(t, time.Hour)))
	conn := dialer.MustDial(t, url)
	file := filepath.Join(folder, "incident.yaml")
	replace(t, file, incident("other", time.Hour))
	p.err.await(t, 1, "the edit is in force")
	if got := status(t, dialer, url); got != 101 {
		t.Errorf("a revocation of another gateway: status %d, want 101", got)
	}
	replace(t, file, incident("edge", time.Hour))
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, 3000) {
		t.Errorf("the open connection: %v, want to be closed with 3000", err)
	}
	if got := status(t, dialer, url); got != 401 {
		t.Errorf("a newcomer: status %d, want 401", got)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the revocation is lifted", func() bool { return status(t, dialer, url) == 101 })
}

func TestValidateKnowsRevocations(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want string
		exit int
	}{
		"beside its gateway":          {gatewayHead + "---\n" + incident("edge", time.Hour), `gw.yaml:2: WebSocketRevocation "incident" is valid`, 0},
		"alone":                       {incident("edge", time.Hour), `gw.yaml:1: spec.gatewayRefs[0]: not checked: WebSocketGateway "edge"`, 0},
		"an end that has passed":      {incident("edge", -time.Minute), "gw.yaml:1: spec.until: the end has passed", 1},
		"an end that is too far":      {incident("edge", 31*24*time.Hour), "gw.yaml:1: spec.until: the end is more than 30 days away", 1},
		"an end that is no date":      {strings.ReplaceAll(incident("edge", time.Hour), "until: \"2", "until: \"x2"), "gw.yaml:1: spec.until", 1},
		"nobody":                      {strings.ReplaceAll(incident("edge", time.Hour), "  subjects", "  #"), "gw.yaml:1: spec: a revocation must name somebody", 1},
		"a field that does not exist": {incident("edge", time.Hour) + "  groups: [a]\n", "gw.yaml:1: spec.groups: there is no such field", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, log, exit := validated(t, tt.text)
			if exit != tt.exit || !strings.Contains(out, tt.want) {
				t.Errorf("exit status %d, want %d and %q in\n%s%s", exit, tt.exit, tt.want, out, log)
			}
		})
	}
}

func TestExplainKnowsTheRevocationsAmongTheFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "incident.yaml")
	at := secretFiles(t, map[string]string{"good": token(t, time.Hour)})
	asked := []string{
		"-f", file, "--url", "wss://ws.example.com/chat", "--origin", origin, "--header", "Authorization: Bearer " + at["good"],
	}
	write(t, file, incident("other", time.Hour))
	if out, log, exit := explanation(t, "", asked...); exit != 0 {
		t.Errorf("a revocation of another gateway: exit status %d\n%s%s", exit, out, log)
	}
	write(t, file, incident("edge", time.Hour))
	out, log, exit := explanation(t, "", asked...)
	if exit != 1 || !strings.Contains(out, `identity_revoked: revocation "incident": subject`) || !strings.Contains(out, "delete the WebSocketRevocation") {
		t.Errorf("exit status %d\n%s%s", exit, out, log)
	}
}
