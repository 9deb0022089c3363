// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package browser_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/auditschema"
	"github.com/wsgateway/websocket-gateway-operator/test/edge"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

//go:embed page.html
var page []byte

// refused is the protocol of a try that must not open.
const refused = "-"

// try is a socket that pages open.
type try struct {
	Name  string   `json:"name"`
	URL   string   `json:"url"`
	Offer []string `json:"offer"`
	// want is the protocol of the open socket.
	want string
}

// scene is a gateway with a backend, and a server with the page for every name.
type scene struct {
	echo          *wstest.Upstream
	audit, logs   *wstest.Journal
	token, forged string
	// cookie is a good token, too, that the pages' server sets.
	cookie  string
	next    map[string]string
	tries   []try
	flags   []string
	reports chan report
	gateway *edge.Edge
}

// report is what a page tells of itself, or of its frame.
type report struct {
	Origin  string            `json:"origin"`
	Who     string            `json:"who"`
	Results map[string]result `json:"results"`
}

func base64url(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// holdRecords holds the audit records against their schema, once the gateway has
// ended that is started after it.
func holdRecords(t *testing.T, records *wstest.Journal) {
	t.Helper()
	schema, err := auditschema.Load("../../" + auditschema.File)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if checked, err := schema.CheckAll(records.String()); checked == 0 || err != nil {
			t.Errorf("%d audit records fit the schema; %v", checked, err)
		}
	})
}

func startScene(t *testing.T) *scene {
	t.Helper()
	s := &scene{echo: wstest.Echo(t, "chat.v2"), audit: &wstest.Journal{}, logs: &wstest.Journal{}, reports: make(chan report, 16), next: map[string]string{}}
	key, document := signingKey(t)
	other, _ := signingKey(t)
	sign := func(key jwk.Key) string { return wstest.Token(t, key, "ann", "chat", time.Hour) }
	s.token, s.cookie, s.forged = sign(key), sign(key), sign(other)
	s.tries = tries(s.token, s.forged)
	ca, root := wstest.NewCA(t), wstest.NewRoot(t)
	served := ca.Issue(t, "ws.example.com", "app.example.com")
	root.TLSSecret(t, "public-tls", served)
	root.Config(t, config(document), contract.Endpoints{Backends: map[string]contract.BackendEndpoints{"echo": {Addresses: []string{s.echo.Address}}}})
	holdRecords(t, s.audit)
	s.gateway = edge.Start(t, s.logs, gateway.Options{
		Root: root.Path, BindPorts: map[string]int32{"public": 0}, Audit: s.audit, Logger: slog.New(slog.NewJSONHandler(s.logs, nil)),
	})
	address := s.gateway.Addresses["public"]
	pages := s.pages(t, served)
	trusted := sha256.Sum256(served.Leaf.RawSubjectPublicKeyInfo)
	s.flags = []string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
		"--disable-background-networking", "--disable-component-update", "--disable-sync",
		// Names of the public network lead to this machine here, which a page must
		// not notice.
		"--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
		"--ignore-certificate-errors-spki-list=" + base64.StdEncoding.EncodeToString(trusted[:]),
		"--host-resolver-rules=MAP ws.example.com " + address + ",MAP * " + pages,
	}
	return s
}

// config lets listed pages show tokens among the subprotocols, and on a route of
// its own a cookie.
func config(document string) contract.Config {
	origins := &contract.Origins{Allow: []string{"https://app.example.com", "https://*.pages.example.com"}}
	config := contract.Config{
		Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"},
		Listeners: []contract.Listener{{
			Name: "public", Port: 443, BindPort: 10443, Hostnames: []string{"ws.example.com"}, MinTLSVersion: "1.2", CertificateSecret: "public-tls",
		}},
	}
	for name, from := range map[string][]contract.Source{
		"chat":   {{Subprotocol: contract.SubprotocolBearer}, {Subprotocol: contract.SubprotocolBase64URL}},
		"cookie": {{Cookie: "session"}},
	} {
		config.Policies = append(config.Policies, contract.Policy{Name: name, Origins: origins, Methods: []contract.Method{{JWT: &contract.JWT{
			Issuer: "https://id.example.com", Audiences: []string{"chat"}, Algorithms: []string{"ES256"}, KeySet: contract.KeySet{Inline: document}, From: from,
		}}}})
		config.Routes = append(config.Routes, contract.Route{
			Name: name, Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/" + name}, Policy: name, Backends: []contract.Backend{{Name: "echo"}},
		})
	}
	return config
}

// seen is what the backend was sent. The cookie is a credential for one route
// only; to the other it is the application's business.
func (s *scene) seen() string {
	var seen strings.Builder
	for _, request := range s.echo.Requests() {
		if strings.HasPrefix(request.RequestURI, "/chat") {
			request.Header.Del("Cookie")
		}
		_ = request.Write(&seen)
	}
	return seen.String()
}

// pages serves the page and hears what becomes of it.
func (s *scene) pages(t *testing.T, served wstest.Pair) string {
	t.Helper()
	pair, err := tls.X509KeyPair(served.Certificate, served.Key)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Set-Cookie", "session="+s.cookie+"; Domain=example.com; Path=/; Secure; HttpOnly; SameSite=None")
		_, _ = w.Write(page)
	})
	mux.HandleFunc("GET /tries", func(w http.ResponseWriter, _ *http.Request) { _ = json.NewEncoder(w).Encode(s.tries) })
	mux.HandleFunc("POST /report", func(w http.ResponseWriter, r *http.Request) {
		var told report
		if err := json.NewDecoder(r.Body).Decode(&told); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.reports <- told
		_, _ = io.WriteString(w, s.next[told.Origin])
	})
	server := httptest.NewUnstartedServer(mux)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// visit has a browser open the page of each origin, and returns what the pages
// and their sandboxed frames tell, by origin and teller.
func (s *scene) visit(t *testing.T, origins []string) map[string]map[string]map[string]result {
	t.Helper()
	told := map[string]map[string]map[string]result{}
	for i, origin := range origins {
		s.next[origin], told[origin] = "about:blank", map[string]map[string]result{}
		if i > 0 {
			s.next[origins[i-1]] = origin
		}
	}
	output := s.browse(t, origins[0]+"/")
	deadline := time.After(visitTime)
	for missing := 2 * len(origins); missing > 0; missing-- {
		select {
		case one := <-s.reports:
			if told[one.Origin] == nil {
				t.Fatalf("a page of %q that nobody asked for", one.Origin)
			}
			told[one.Origin][one.Who] = one.Results
		case <-deadline:
			t.Fatalf("the pages told only %v\n%s\n%s", told, output, s.logs)
		}
	}
	return told
}

// browse runs a browser until the test ends, and returns what it says.
func (s *scene) browse(t *testing.T, address string) *wstest.Journal {
	t.Helper()
	output := &wstest.Journal{}
	home := t.TempDir()
	command := exec.Command("chromium", append(s.flags, "--user-data-dir="+home, address)...)
	command.Stdout, command.Stderr, command.WaitDelay = output, output, time.Second
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	command.Env = append(os.Environ(), "HOME="+home)
	if err := command.Start(); err != nil {
		t.Fatalf("start Chromium: %v; on Debian: apt-get install chromium", err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		_ = command.Wait()
	})
	return output
}

func signingKey(t *testing.T) (private jwk.Key, document string) {
	t.Helper()
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err = jwk.Import(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := private.Set(jwk.KeyIDKey, "k1"); err != nil {
		t.Fatal(err)
	}
	public, err := private.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	if err := json.NewEncoder(&text).Encode(map[string]any{"keys": []jwk.Key{public}}); err != nil {
		t.Fatal(err)
	}
	return private, text.String()
}
