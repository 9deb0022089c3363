// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// aloneRoot is the environment variable that makes the test binary a gateway:
// the processor time of clients, backends and key servers must not count.
const aloneRoot = "WSGATEWAY_TEST_ALONE_ROOT"

// runAlone is the whole program of such a gateway. It says its address, then
// answers each line of its input and ends with it: the line "memory" with the
// bytes that it holds, others with the nanoseconds of processor time that it has
// used.
func runAlone(root string) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	return gateway.Run(ctx, gateway.Options{
		Root: root, BindHost: "127.0.0.1", BindPorts: map[string]int32{"public": 0}, AllowLoopback: true,
		AcceptAfterStop: -1, DrainWindow: time.Second, Audit: io.Discard,
		OnReady: func(addresses map[string]string) {
			fmt.Println(addresses["public"])
			go func() {
				defer stop()
				for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
					if lines.Text() == "memory" {
						fmt.Println(heldMemory())
						continue
					}
					fmt.Println(processorTime())
				}
			}()
		},
	})
}

func processorTime() int64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return -1
	}
	return used.Utime.Nano() + used.Stime.Nano()
}

// alone is a gateway in a process of its own, seen from outside.
type alone struct {
	address string
	input   io.WriteCloser
	output  *bufio.Scanner
}

func startAlone(b *testing.B, root string) *alone {
	b.Helper()
	return spawn(b, nil, aloneRoot+"="+root)
}

// spawn starts this test binary as a gateway, with files and an environment. It ends
// with the benchmark.
func spawn(b *testing.B, files []*os.File, environment ...string) *alone {
	b.Helper()
	command := exec.CommandContext(context.Background(), os.Args[0])
	command.Env, command.Stderr, command.ExtraFiles = append(os.Environ(), environment...), os.Stderr, files
	input, err := command.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := command.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = input.Close()
		if err := command.Wait(); err != nil {
			b.Errorf("gateway: %v", err)
		}
	})
	a := &alone{input: input, output: bufio.NewScanner(output)}
	a.address = a.line(b)
	return a
}

func (a *alone) line(b *testing.B) string {
	b.Helper()
	if !a.output.Scan() {
		b.Fatalf("gateway says nothing: %v", a.output.Err())
	}
	return a.output.Text()
}

// used is the processor time of the gateway.
func (a *alone) used(b *testing.B) time.Duration {
	b.Helper()
	return time.Duration(a.tell(b, "processor time"))
}

func (a *alone) tell(b *testing.B, what string) int64 {
	b.Helper()
	if _, err := io.WriteString(a.input, what+"\n"); err != nil {
		b.Fatal(err)
	}
	value, err := strconv.ParseInt(a.line(b), 10, 64)
	if err != nil || value < 0 {
		b.Fatalf("%s of the gateway: %d %v", what, value, err)
	}
	return value
}

// cost opens and ends connections, one after the other, and returns what one
// costs the gateway, in microseconds.
func (a *alone) cost(b *testing.B, trust *x509.CertPool, raw func() string, connections int) float64 {
	b.Helper()
	before := a.used(b)
	for range connections {
		conn, err := tls.Dial("tcp", a.address, &tls.Config{RootCAs: trust, ServerName: "ws.example.com", MinVersion: tls.VersionTLS13})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.WriteString(conn, raw()); err != nil {
			b.Fatal(err)
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
			b.Fatalf("%+v %v", response, err)
		}
		_ = response.Body.Close()
		_ = conn.Close()
	}
	return float64((a.used(b) - before).Nanoseconds()) / 1e3 / float64(connections)
}

// keyServerRoot writes the files of a gateway that has a key set at a URI.
func keyServerRoot(b *testing.B, m *mint) (root string, trust *x509.CertPool) {
	b.Helper()
	document := m.elliptic.keySet(b)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, document) }))
	b.Cleanup(server.Close)
	config := baseConfig()
	config.Policies = append(config.Policies, contract.Policy{Name: "users", Methods: []contract.Method{{JWT: &contract.JWT{
		Issuer: attackIssuer, Audiences: []string{"chat"}, Algorithms: []string{"ES256"}, From: []contract.Source{{Header: "Authorization"}},
		KeySet: contract.KeySet{URI: server.URL, CABundle: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))},
	}}}})
	users := config.Routes[0]
	users.Name, users.Path.Prefix, users.Policy = "users", "/token", "users"
	config.Routes = append(config.Routes, users)
	ca, files := wstest.NewCA(b), wstest.NewRoot(b)
	files.TLSSecret(b, "public-tls", ca.Issue(b, "ws.example.com", "*.chat.example.com"))
	files.Config(b, config, endpoints(wstest.Echo(b).Address))
	return files.Path, ca.Pool
}

// maxTokenRatio is what a token may cost: authentication must be no reason to do
// without it.
const maxTokenRatio = 1.25

// BenchmarkHandshakeWithToken compares what a connection costs the gateway until
// its 101 with and without an ES256 token, key set at a URI and warm: processor
// time of a full TLS 1.3 handshake, upgrade, backend, relay and end, medians of
// alternating rounds. It fails when a token that was never seen before costs more
// than maxTokenRatio.
func BenchmarkHandshakeWithToken(b *testing.B) {
	const rounds, each = 11, 300
	m := newMint(b)
	root, trust := keyServerRoot(b, m)
	a := startAlone(b, root)
	same, fresh := m.good(b), 0
	anonymous := func() string { return on("/chat") }
	again := func() string { return on("/token", "Authorization: Bearer "+same) }
	token := func() string {
		fresh++
		return on("/token", "Authorization: Bearer "+m.ecdsa(b, goodHeader, m.claims(fmt.Sprintf(`,"jti":"%d"`, fresh))))
	}
	a.cost(b, trust, anonymous, each)
	a.cost(b, trust, token, each)
	a.cost(b, trust, again, each)
	var without, with, returning []float64
	for b.Loop() {
		for range rounds {
			without = append(without, a.cost(b, trust, anonymous, each))
			with = append(with, a.cost(b, trust, token, each))
			returning = append(returning, a.cost(b, trust, again, each))
		}
	}
	b.ReportMetric(median(without), "anonymous-µs")
	b.ReportMetric(median(with), "ES256-µs")
	b.ReportMetric(median(returning), "same-ES256-µs")
	ratio := median(with) / median(without)
	b.ReportMetric(ratio, "ratio")
	if ratio > maxTokenRatio {
		b.Errorf("a connection with a token costs %.2f of one without, more than %.2f", ratio, maxTokenRatio)
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
