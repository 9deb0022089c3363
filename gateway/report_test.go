// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func TestTheReportSaysWhatIsServed(t *testing.T) {
	t.Parallel()
	ca, root, echo := wstest.NewCA(t), wstest.NewRoot(t), wstest.Echo(t)
	pair := ca.Issue(t, "ws.example.com", "*.chat.example.com")
	root.TLSSecret(t, "public-tls", pair)
	config := baseConfig()
	config.Limits = &contract.Limits{MaxConnections: new(int32(77))}
	root.Config(t, config, endpoints(echo.Address))
	r := start(t, root, ca, nil)

	encoded := func(file any) string {
		data, err := contract.Encode(file)
		if err != nil {
			t.Fatal(err)
		}
		return contract.Digest(data)
	}
	state := func(file any) contract.FileState {
		return contract.FileState{Seen: encoded(file), InForce: encoded(file)}
	}
	want := contract.Report{
		Version: 1, Gateway: config.Gateway, PodUID: "uid-0",
		Files: map[string]contract.FileState{
			contract.ConfigFile:      state(config),
			contract.EndpointsFile:   state(endpoints(echo.Address)),
			contract.RevocationsFile: state(contract.Revocations{Version: 1}),
		},
		Listeners: []contract.ListenerReport{{
			Name: "public", Address: r.addresses["public"],
			Certificate: &contract.CertificateReport{
				SerialNumber: pair.Leaf.SerialNumber.Text(16),
				NotBefore:    pair.Leaf.NotBefore, NotAfter: pair.Leaf.NotAfter,
				DNSNames: []string{"ws.example.com", "*.chat.example.com"},
			},
		}},
		MaxConnections: 77, Ready: true,
	}
	got := r.report(t)
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(contract.Report{}, "BootID"), cmpopts.IgnoreFields(contract.CertificateReport{}, "SHA256")); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	if len(got.BootID) != 32 || len(got.Listeners[0].Certificate.SHA256) != 64 {
		t.Errorf("boot ID %q, fingerprint %q", got.BootID, got.Listeners[0].Certificate.SHA256)
	}
}

func TestTheReportIsTheSameUntilSomethingButTrafficChanges(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	_, header, _ := r.get(t, "/report")
	tag := header.Get("ETag")
	ask := func() (int, string) {
		status, header, _ := fetch(t, "http://"+r.addresses[gateway.AdminName]+"/report", func(q *http.Request) { q.Header.Set("If-None-Match", tag) })
		return status, header.Get("ETag")
	}
	conn := r.dialer("public").MustDial(t, chatURL)
	if err := echoOnce(conn); err != nil {
		t.Fatal(err)
	}
	if status, again := ask(); status != http.StatusNotModified || again != tag {
		t.Errorf("after traffic: status %d, tag %s, was %s", status, again, tag)
	}
	config := baseConfig()
	config.Routes[0].Path.Prefix = "/"
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
	if status, again := ask(); status != http.StatusOK || again == tag {
		t.Errorf("after a change: status %d, tag %s, was %s", status, again, tag)
	}
}

func TestTheControlPortListsConnectionsToLocalhostOnly(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, nil)
	conn := r.dialer("public").MustDial(t, chatURL+"/room?secret=1")
	if err := echoOnce(conn); err != nil {
		t.Fatal(err)
	}
	address := r.addresses[gateway.ControlName]
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	for host, want := range map[string]int{
		address: 200, "localhost:" + port: 200, "localhost": 200, "[::1]:" + port: 200,
		"evil.example:" + port: 403, "localhost.evil.example": 403, "127.0.0.1.evil.example": 403, "10.0.0.1": 403,
	} {
		if status, _, _ := fetch(t, "http://"+address+"/connections", func(q *http.Request) { q.Host = host }); status != want {
			t.Errorf("Host %s: status %d, want %d", host, status, want)
		}
	}
	if status, _, _ := fetch(t, "http://"+address+"/connections", func(q *http.Request) { q.Header.Set("Origin", "http://localhost") }); status != http.StatusForbidden {
		t.Errorf("a web page: status %d", status)
	}
	var body string
	var answer control.Connections
	until(t, func() string {
		_, _, body = fetch(t, "http://"+address+"/connections", nil)
		if err := json.Unmarshal([]byte(body), &answer); err != nil || len(answer.Connections) != 1 {
			return fmt.Sprintf("%v: %s", err, body)
		}
		// A message is counted once it was passed on: its echo may be faster.
		if answer.Connections[0].MessagesFromClient == 0 {
			return "the message is not counted"
		}
		return ""
	})
	if c := answer.Connections[0]; c.Route != "chat" || c.Path != "/chat/room" || c.MessagesFromClient != 1 || c.BytesToClient != 4 || c.OpenedAt.IsZero() {
		t.Errorf("listed as %+v", c)
	}
	if strings.Contains(body, "secret") {
		t.Error("a query is listed")
	}
}

func TestTheAdminPortChangesNothing(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, nil)
	base := "http://" + r.addresses[gateway.AdminName]
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/metrics": 200, "/report": 200, "/connections": 404, "/debug/pprof/": 404} {
		if status, _, _ := r.get(t, path); status != want {
			t.Errorf("%s: status %d, want %d", path, status, want)
		}
		if want != http.StatusOK {
			continue
		}
		if status, _, _ := fetch(t, base+path, func(q *http.Request) { q.Method = http.MethodPost }); status != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: status %d", path, status)
		}
	}
}

// taken is a listener of a port that somebody else holds.
func taken(t *testing.T) (holder net.Listener, listener contract.Listener) {
	t.Helper()
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = holder.Close() })
	_, text, _ := net.SplitHostPort(holder.Addr().String())
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return holder, contract.Listener{
		Name: "taken", Port: 9443, BindPort: int32(number), Hostnames: []string{"ws.example.com"}, MinTLSVersion: "1.2", CertificateSecret: "public-tls",
	}
}

func TestAPortThatIsTakenIsReportedAndOpenedWhenItIsFree(t *testing.T) {
	t.Parallel()
	holder, listener := taken(t)
	r, echo := startBase(t, nil)
	config := baseConfig()
	config.Listeners = append(config.Listeners, listener)
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
	until(t, func() string {
		for _, p := range r.report(t).Problems {
			if p.Reason == contract.ProblemPortUnavailable && p.Listener == "taken" {
				return ""
			}
		}
		return "no problem is reported"
	})
	// The other listener serves, so the pod has to get its connections.
	if status, _, body := r.get(t, "/readyz"); status != http.StatusOK || !r.report(t).Ready {
		t.Errorf("readyz %d %s", status, body)
	}
	if err := echoOnce(r.dialer("public").MustDial(t, chatURL)); err != nil {
		t.Errorf("the other listener: %v", err)
	}
	_ = holder.Close()
	// Any change of the files makes it look again, as the poll would.
	r.root.Secret(t, "other", map[string][]byte{"x": nil})
	until(t, func() string {
		if p := r.report(t).Problems; len(p) > 0 {
			return "still a problem"
		}
		return ""
	})
}
