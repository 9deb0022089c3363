// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const chatURL = "wss://ws.example.com/chat"

// leaf returns the serial number that a new connection is shown.
func (r *running) leaf(t *testing.T, name string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", r.addresses["public"], &tls.Config{RootCAs: r.ca.Pool, ServerName: name})
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Text(16)
}

func TestRotationsAndChangesCloseNothingAndLoseNothing(t *testing.T) {
	r, echo := startBase(t, nil)
	const connections = 300
	talkers := wstest.Talk(t, r.dialer("public"), chatURL, connections, 250*time.Millisecond)
	var slowest time.Duration
	for i := range 20 {
		pair := r.ca.Issue(t, "ws.example.com", "*.chat.example.com")
		begin := time.Now()
		r.root.TLSSecret(t, "public-tls", pair)
		until(t, func() string {
			if got := r.leaf(t, "ws.example.com"); got != pair.Leaf.SerialNumber.Text(16) {
				return fmt.Sprintf("rotation %d: served %s", i, got)
			}
			return ""
		})
		slowest = max(slowest, time.Since(begin))

		config := baseConfig()
		config.Limits = &contract.Limits{MaxMessageBytes: new(int64(1000 + i))}
		config.Routes = append(config.Routes, contract.Route{
			Name: "extra", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: fmt.Sprintf("/chat/extra%d", i)},
			Policy: "open", Backends: []contract.Backend{{Name: "echo"}},
		})
		r.root.Config(t, config, endpoints(echo.Address))
		r.served(t, config)
	}
	until(t, func() string {
		if n := talkers.Echoed(); n < 5*connections {
			return fmt.Sprintf("only %d messages came back: the test proves nothing yet", n)
		}
		return ""
	})
	if n := r.report(t).Connections; n != connections {
		t.Errorf("%d connections are left", n)
	}
	talkers.Stop()
	if reasons, _ := talkers.Ended(); len(reasons) > 0 {
		t.Errorf("%d connections ended: %v", len(reasons), reasons[0])
	}
	t.Logf("%d messages came back; slowest rotation to served: %v", talkers.Echoed(), slowest)
}

func TestAFileThatCannotBeUsedLeavesTheLastGoodOneInForce(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	conn := r.dialer("public").MustDial(t, chatURL)
	good := r.report(t).Files[contract.ConfigFile].InForce
	endpointsFile, err := contract.Encode(endpoints(echo.Address))
	if err != nil {
		t.Fatal(err)
	}
	goodFile, err := contract.Encode(baseConfig())
	if err != nil {
		t.Fatal(err)
	}
	other := baseConfig()
	other.Gateway.Name = "other"
	otherFile, err := contract.Encode(other)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"no JSON":               []byte("{"),
		"half a file":           goodFile[:len(goodFile)/2],
		"unknown field":         []byte(strings.Replace(string(goodFile), `{"version"`, `{"newRule":1,"version"`, 1)),
		"another version":       []byte(strings.Replace(string(goodFile), `"version":1`, `"version":2`, 1)),
		"a structure that lies": []byte(strings.Replace(string(goodFile), `"policy":"open"`, `"policy":"gone"`, 1)),
		"another gateway's":     otherFile,
		"empty":                 {},
	} {
		r.root.RawConfig(t, map[string][]byte{contract.ConfigFile: file, contract.EndpointsFile: endpointsFile})
		until(t, func() string {
			state := r.report(t).Files[contract.ConfigFile]
			if state.Seen != contract.Digest(file) || state.Error == "" || state.InForce != good {
				return fmt.Sprintf("%s: state %+v", name, state)
			}
			return ""
		})
		if err := echoOnce(conn); err != nil {
			t.Fatalf("%s: open connection: %v", name, err)
		}
		if err := echoOnce(r.dialer("public").MustDial(t, chatURL)); err != nil {
			t.Fatalf("%s: new connection: %v", name, err)
		}
	}
	if status, _, _ := r.get(t, "/readyz"); status != http.StatusOK {
		t.Errorf("readyz %d", status)
	}
	if _, _, body := r.get(t, "/metrics"); !strings.Contains(body, "wsgateway_") {
		t.Errorf("metrics: %s", body)
	}
	r.root.RawConfig(t, map[string][]byte{contract.EndpointsFile: endpointsFile})
	until(t, func() string {
		if state := r.report(t).Files[contract.ConfigFile]; state.Seen != "" || state.InForce != good || state.Error == "" {
			return fmt.Sprintf("missing file: state %+v", state)
		}
		return ""
	})
	r.root.RawConfig(t, map[string][]byte{contract.ConfigFile: goodFile, contract.EndpointsFile: endpointsFile})
	until(t, func() string {
		if state := r.report(t).Files[contract.ConfigFile]; state.Error != "" || state.Seen != good {
			return fmt.Sprintf("repaired file: state %+v", state)
		}
		return ""
	})
}

func echoOnce(conn *websocket.Conn) error {
	if err := conn.WriteMessage(websocket.BinaryMessage, []byte("ping")); err != nil {
		return err
	}
	_, data, err := conn.ReadMessage()
	if err == nil && string(data) != "ping" {
		err = fmt.Errorf("got %q", data)
	}
	return err
}

func TestABadPairNeverReplacesAGoodOne(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, nil)
	good := r.leaf(t, "ws.example.com")
	names := []string{"ws.example.com", "*.chat.example.com"}
	fresh := r.ca.Issue(t, names...)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	expired := r.ca.IssueWith(t, key, func(c *x509.Certificate) {
		c.DNSNames, c.NotBefore, c.NotAfter = names, time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	})
	for _, test := range []struct {
		name   string
		change func()
		reason contract.ProblemReason
	}{
		{"key of another pair", func() {
			r.root.TLSSecret(t, "public-tls", wstest.Pair{Certificate: fresh.Certificate, Key: expired.Key})
		}, contract.ProblemSecretInvalid},
		{"half a certificate", func() {
			r.root.TLSSecret(t, "public-tls", wstest.Pair{Certificate: fresh.Certificate[:100], Key: fresh.Key})
		}, contract.ProblemSecretInvalid},
		{"expired", func() { r.root.TLSSecret(t, "public-tls", expired) }, contract.ProblemSecretInvalid},
		{"other names", func() { r.root.TLSSecret(t, "public-tls", r.ca.Issue(t, "other.example.com")) }, contract.ProblemSecretInvalid},
		{"fewer names", func() { r.root.TLSSecret(t, "public-tls", r.ca.Issue(t, "ws.example.com")) }, contract.ProblemSecretInvalid},
		{"no key", func() {
			r.root.Secret(t, "public-tls", map[string][]byte{contract.TLSCertificateKey: fresh.Certificate})
		}, contract.ProblemSecretKeyNotFound},
		{"deleted", func() { r.root.DeleteSecret(t, "public-tls") }, contract.ProblemSecretNotFound},
	} {
		test.change()
		until(t, func() string {
			problems := r.report(t).Problems
			if len(problems) != 1 || problems[0].Reason != test.reason || !problems[0].Serving || problems[0].Listener != "public" || problems[0].Secret != "public-tls" {
				return fmt.Sprintf("%s: problems %+v", test.name, problems)
			}
			return ""
		})
		if got := r.leaf(t, "ws.example.com"); got != good {
			t.Errorf("%s: serves %s", test.name, got)
		}
	}
	r.root.TLSSecret(t, "public-tls", fresh)
	until(t, func() string {
		if report := r.report(t); len(report.Problems) > 0 || report.Listeners[0].Certificate.SerialNumber != fresh.Leaf.SerialNumber.Text(16) {
			return fmt.Sprintf("repaired: %+v", report)
		}
		return ""
	})
	if strings.Contains(r.logs.String(), "PRIVATE") || strings.Contains(r.audit.String(), "PRIVATE") {
		t.Error("a key got into a log")
	}
}

func TestAListenerWithoutCertificateRefusesItsNamesUntilItHasOne(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	config := baseConfig()
	twoListeners(&config)
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
	if got := r.leaf(t, "modern.example.com"); !strings.Contains(got, "unrecognized name") {
		t.Errorf("without a certificate: %s", got)
	}
	if err := echoOnce(r.dialer("public").MustDial(t, chatURL)); err != nil {
		t.Errorf("the other listener: %v", err)
	}
	if p := r.report(t).Problems; len(p) != 1 || p[0].Listener != "modern" || p[0].Reason != contract.ProblemSecretNotFound || p[0].Serving {
		t.Errorf("problems %+v", p)
	}
	// The folder of the Secret appears only now.
	r.root.TLSSecret(t, "modern-tls", r.ca.Issue(t, "modern.example.com"))
	until(t, func() string {
		if got := r.leaf(t, "modern.example.com"); strings.Contains(got, "unrecognized name") {
			return got
		}
		return ""
	})
}

func TestPortsOpenAndCloseWhileTheOthersServe(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	conn := r.dialer("public").MustDial(t, chatURL)
	config := baseConfig()
	config.Listeners = append(config.Listeners, contract.Listener{
		Name: "other", Port: 8443, BindPort: 8443, Hostnames: []string{"ws.example.com"},
		MinTLSVersion: "1.3", CertificateSecret: "public-tls",
	})
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
	var address string
	until(t, func() string {
		for _, l := range r.report(t).Listeners {
			if l.Name == "other" && l.Address != "" {
				address = l.Address
				return ""
			}
		}
		return "the new listener has no address"
	})
	other := wstest.Dialer{Address: address, CAs: r.ca.Pool}
	moved := other.MustDial(t, chatURL)
	r.root.Config(t, baseConfig(), endpoints(echo.Address))
	r.served(t, baseConfig())
	until(t, func() string {
		if conn, _, err := other.Dial(t.Context(), chatURL); err == nil {
			_ = conn.Close()
			return "the removed port is still open"
		}
		return ""
	})
	if _, _, err := moved.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("connection of the removed listener: %v", err)
	}
	if err := echoOnce(conn); err != nil {
		t.Errorf("connection of the other listener: %v", err)
	}
}

func TestARemovedRouteEndsItsConnectionsOverTheWindowAndNoOthers(t *testing.T) {
	t.Parallel()
	// Long against what a slow machine may take, short against idleTimeout.
	const window = 5 * time.Minute
	one := baseConfig()
	both := one
	both.Routes = append(slices.Clone(one.Routes), contract.Route{
		Name: "feed", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/feed"},
		Policy: "open", Backends: []contract.Backend{{Name: "echo"}},
	})
	turns := &turns{}
	r, echo := startBaseWith(t, func(c *contract.Config) { *c = both }, func(o *gateway.Options) {
		o.Now, o.Wait, o.DrainWindow = turns.now, turns.wait, window
	})
	stay := wstest.Talk(t, r.dialer("public"), chatURL, 20, 10*time.Millisecond)
	leave := wstest.Talk(t, r.dialer("public"), "wss://ws.example.com/feed", 20, 10*time.Millisecond)
	began, begin := time.Now(), turns.now()
	r.root.Config(t, one, endpoints(echo.Address))
	leave.Wait()
	slow := time.Since(began)
	reasons, _ := leave.Ended()
	if len(reasons) != 20 {
		t.Fatalf("%d of 20 ended", len(reasons))
	}
	for i, err := range reasons {
		if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	stay.Stop()
	if reasons, _ := stay.Ended(); len(reasons) > 0 {
		t.Errorf("another route lost %d: %v", len(reasons), reasons[0])
	}
	r.end(t)
	if first, last := turns.at[0].Sub(begin), turns.at[19].Sub(begin); last-first < window/2 || last > window+slow {
		t.Errorf("ends came from %v to %v, want them spread over %v", first, last, window)
	}
	removed := 0
	for _, record := range r.audit.records(t, "closed") {
		if record.Reason == outcome.RouteRemoved {
			removed++
		}
	}
	if removed != 20 {
		t.Errorf("%d records say route_removed", removed)
	}
}

func TestAFaultIsAnsweredOnItsRouteOnly(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, func(c *contract.Config) {
		c.Policies = append(c.Policies,
			contract.Policy{Name: "broken", Fault: contract.FaultPolicyInvalid},
			contract.Policy{Name: "keys", Methods: []contract.Method{{APIKey: &contract.APIKey{Secret: "gone", From: []contract.Source{{Header: "X-Api-Key"}}}}}},
		)
		backend := []contract.Backend{{Name: "echo"}}
		add := func(name, policy string, backends []contract.Backend, fault contract.Fault) {
			c.Routes = append(c.Routes, contract.Route{
				Name: name, Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/" + name},
				Policy: policy, Backends: backends, Fault: fault,
			})
		}
		add("no-policy", "", nil, contract.FaultPolicyNotFound)
		add("no-backend", "open", nil, contract.FaultBackendNotFound)
		add("bad-policy", "broken", backend, "")
		add("no-secret", "keys", backend, "")
		add("no-endpoint", "open", []contract.Backend{{Name: "unknown"}}, "")
	})
	for path, want := range map[string]int{
		"/no-policy": 503, "/no-backend": 503, "/bad-policy": 503, "/no-secret": 503, "/no-endpoint": 502, "/chat": 101,
	} {
		response, body := r.ask(t, "ws.example.com", strings.Replace(request("X-API-Key: 0123456789abcdef"), "/chat", path, 1))
		if response.StatusCode != want {
			t.Errorf("%s: status %d %q, want %d", path, response.StatusCode, body, want)
		}
		if strings.Contains(body, "policy") || strings.Contains(body, "echo") {
			t.Errorf("%s: tells a stranger too much: %q", path, body)
		}
	}
	r.end(t)
	for _, detail := range []string{"policy_not_found", "backend_not_found", "policy_invalid"} {
		if !strings.Contains(r.audit.String(), detail) {
			t.Errorf("no record says %s", detail)
		}
	}
}

func TestEarlyDataReachesTheBackendOnlyBehindAVerifiedHandshake(t *testing.T) {
	t.Parallel()
	// A masked text frame "hi" right behind the request.
	frame := "\x81\x82\x00\x00\x00\x00hi"
	r, _ := startBase(t, nil)
	conn := r.speakTLS(t, "public", "ws.example.com")
	if _, err := io.WriteString(conn, request()+frame); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 4096)
	var got string
	for !strings.HasSuffix(got, "\x81\x02hi") {
		n, err := conn.Read(answer)
		if err != nil {
			t.Fatalf("got %q, then %v", got, err)
		}
		got += string(answer[:n])
	}

	refusing := wstest.Answering(t, "HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n")
	r.root.Config(t, baseConfig(), endpoints(refusing.Address))
	until(t, func() string {
		response, _ := r.ask(t, "ws.example.com", request()+"GET /admin HTTP/1.1\r\nHost: x\r\n\r\n")
		if response.StatusCode != http.StatusBadGateway {
			return fmt.Sprintf("status %d", response.StatusCode)
		}
		return ""
	})
	if requests := refusing.Requests(); slices.ContainsFunc(requests, func(r *http.Request) bool { return r.URL.Path == "/admin" }) {
		t.Error("a second request reached the backend")
	}
}

func TestAGatewayWithoutFilesStartsAndServesWhenTheyCome(t *testing.T) {
	t.Parallel()
	ca, root, echo := wstest.NewCA(t), wstest.NewRoot(t), wstest.Echo(t)
	go func() {
		// Let it see the empty folder first.
		time.Sleep(200 * time.Millisecond)
		root.Config(t, baseConfig(), endpoints(echo.Address))
		root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	}()
	r := start(t, root, ca, nil)
	until(t, func() string {
		if status, _, body := r.get(t, "/readyz"); status != http.StatusOK {
			return "not ready: " + body
		}
		return ""
	})
	if err := echoOnce(r.dialer("public").MustDial(t, chatURL)); err != nil {
		t.Error(err)
	}
}

func TestCheckAgreesWithRun(t *testing.T) {
	t.Parallel()
	good, err := contract.Encode(baseConfig())
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.Check(good); err != nil {
		t.Errorf("good: %v", err)
	}
	if err := gateway.Check([]byte(`{"version":1,"unknown":true}`)); err == nil {
		t.Error("unknown field: accepted")
	}
	bad := baseConfig()
	withTokens(t, newIssuer(t))(&bad)
	// A Secret that is missing is no fault of the configuration; a key set in it is.
	withSecret, err := contract.Encode(bad)
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.Check(withSecret); err != nil {
		t.Errorf("without its Secret: %v", err)
	}
	bad.Policies[0].Methods[0].JWT.KeySet.Inline = "no JSON"
	broken, err := contract.Encode(bad)
	if err != nil {
		t.Fatal(err)
	}
	if err := gateway.Check(broken); err == nil || !strings.Contains(err.Error(), "users") {
		t.Errorf("bad key set: %v", err)
	}
}
