// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/edge"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// patience bounds every wait for what should come at once, so that a test which
// fails ends. What is too late by less is the business of those tests that say by
// when something is promised.
const patience = time.Minute

// testsAtOnce is how many tests run in parallel unless the command line says so.
const testsAtOnce = "8"

func TestMain(m *testing.M) {
	for variable, program := range map[string]func(root string) error{aloneRoot: runAlone, switchedRoot: runSwitched} {
		if root := os.Getenv(variable); root != "" {
			if err := program(root); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	// Most of these tests wait for most of their time. As many as there are processors
	// at once, which is what there is otherwise, would leave those idle.
	flag.Parse()
	if atOnce := flag.Lookup("test.parallel"); atOnce.Value.String() == atOnce.DefValue {
		if err := atOnce.Value.Set(testsAtOnce); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	goleak.VerifyTestMain(m)
}

// running is a gateway that runs on loopback.
type running struct {
	*edge.Edge

	root      *wstest.Root
	ca        *wstest.CA
	addresses map[string]string
	audit     *journal
	logs      *journal
	// looked is done once the audit records have been held against their schema.
	looked sync.Once
}

// start runs a gateway and waits until it listens. Files must be there.
func start(t *testing.T, root *wstest.Root, ca *wstest.CA, change func(*gateway.Options)) *running {
	t.Helper()
	r := &running{root: root, ca: ca, audit: &journal{}, logs: &journal{}}
	options := gateway.Options{
		Root: root.Path, BindPorts: map[string]int32{"public": 0, "modern": 0, "other": 0},
		AdminAddress: "127.0.0.1:0", ControlAddress: "127.0.0.1:0", PollInterval: time.Hour,
		Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"}, PodName: "edge-0", PodUID: "uid-0", Version: "v0-test",
		Audit: r.audit, Logger: slog.New(slog.NewJSONHandler(r.logs, nil)),
	}
	if change != nil {
		change(&options)
	}
	r.Edge = edge.Start(t, r.logs, options)
	r.addresses = r.Addresses
	t.Cleanup(func() { r.end(t) })
	return r
}

// end stops the gateway and waits for it; more than once is allowed.
func (r *running) end(t *testing.T) {
	t.Helper()
	r.End(t)
	r.looked.Do(func() { r.audit.fits(t) })
}

// dialer opens connections at a listener.
func (r *running) dialer(listener string) wstest.Dialer {
	return wstest.Dialer{Address: r.addresses[listener], CAs: r.ca.Pool}
}

// get asks the admin port.
func (r *running) get(t *testing.T, path string) (int, http.Header, string) {
	t.Helper()
	return fetch(t, "http://"+r.addresses[gateway.AdminName]+path, nil)
}

func fetch(t *testing.T, url string, change func(*http.Request)) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(request)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

// report asks for the report.
func (r *running) report(t *testing.T) contract.Report {
	t.Helper()
	status, _, body := r.get(t, "/report")
	var report contract.Report
	if err := json.Unmarshal([]byte(body), &report); status != http.StatusOK || err != nil {
		t.Fatalf("report: status %d, %v: %s", status, err, body)
	}
	return report
}

// until waits for a condition, which says what is still missing.
func until(t *testing.T, missing func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		what := missing()
		if what == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still waiting: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// served waits until the report says that a configuration is in force.
func (r *running) served(t *testing.T, config contract.Config) {
	t.Helper()
	config.Version = contract.Version
	data, err := contract.Encode(config)
	if err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		if got := r.report(t).Files[contract.ConfigFile]; got.InForce != contract.Digest(data) {
			return fmt.Sprintf("config in force is %+v", got)
		}
		return ""
	})
}

// baseConfig has one listener and one anonymous route to the backend "echo".
func baseConfig() contract.Config {
	return contract.Config{
		Version: contract.Version,
		Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"},
		Listeners: []contract.Listener{{
			Name: "public", Port: 443, BindPort: 10443, Hostnames: []string{"ws.example.com", "*.chat.example.com"},
			MinTLSVersion: "1.2", CertificateSecret: "public-tls",
		}},
		Policies: []contract.Policy{{Name: "open", Methods: []contract.Method{{Anonymous: &contract.Anonymous{}}}}},
		Routes: []contract.Route{{
			Name: "chat", Hostnames: []string{"ws.example.com", "*.chat.example.com"}, Path: contract.Path{Prefix: "/chat"},
			Policy: "open", Backends: []contract.Backend{{Name: "echo"}}, Relay: contract.RelayFrames,
		}},
		// On a busy machine a client comes to read late, and some tests put the clock
		// forward: neither is to end a connection.
		Limits: &contract.Limits{PingInterval: new(contract.Duration(time.Hour))},
	}
}

func endpoints(address string) contract.Endpoints {
	return contract.Endpoints{
		Version:  contract.Version,
		Backends: map[string]contract.BackendEndpoints{"echo": {Addresses: []string{address}}},
	}
}

// startBase runs a gateway with baseConfig in front of an echo.
func startBase(t *testing.T, change func(*contract.Config)) (*running, *wstest.Upstream) {
	t.Helper()
	return startBaseWith(t, change, nil)
}

// startBaseWith is startBase with options.
func startBaseWith(t *testing.T, change func(*contract.Config), options func(*gateway.Options)) (*running, *wstest.Upstream) {
	t.Helper()
	echo := wstest.Echo(t)
	ca := wstest.NewCA(t)
	root := wstest.NewRoot(t)
	config := baseConfig()
	if change != nil {
		change(&config)
	}
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Config(t, config, endpoints(echo.Address))
	return start(t, root, ca, options), echo
}
