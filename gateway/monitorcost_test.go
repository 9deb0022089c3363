// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"cmp"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/paired"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// allMonitors is everything that the switch switches.
const allMonitors = "audit metrics traces"

// monitorParts are what WSGATEWAY_BENCH_PARTS may name: a misspelt one would measure
// nothing and find it cheap.
func monitorParts() []string {
	return []string{"none", "audit", "stdout", "file", "otlp", "metrics", "traces"}
}

// switched is a gateway in a process of its own whose monitors can be switched,
// with everything around it in this one.
type switched struct {
	*alone
	admin string
	trust *x509.CertPool
	// records and spans are where its monitors send to.
	records *wstest.LogCollector
	spans   *wstest.Collector
	talks   []*talk
}

// watched is a configuration in which all monitors do all that they can: records go
// to standard output, a file and a collector, or of these to those that parts names,
// with signed checkpoints and a progress record of each connection every second, ten
// times as often as the API lets anybody ask for; one in a hundred handshakes is
// traced, as by default.
func watched(parts string) contract.Config {
	config := baseConfig()
	config.Audit = &contract.Audit{
		ProgressInterval: new(contract.Duration(time.Second)), SigningKey: &contract.SecretKey{Secret: "audit-key", Key: "tls.key"},
	}
	has := func(sink string) bool { return strings.Contains(parts, "audit") || strings.Contains(parts, sink) }
	if has("file") {
		config.Audit.File = &contract.AuditFile{}
	}
	if has("otlp") {
		config.Audit.OTLP = &contract.OTLP{Backend: "collector:4317"}
	}
	config.Audit.WithoutStdout = !has("stdout") && (has("file") || has("otlp"))
	config.Tracing = &contract.Tracing{OTLP: contract.OTLP{Backend: otelCollector}}
	return config
}

// startSwitched starts a gateway whose monitors, those of parts, are on.
func startSwitched(b *testing.B, parts string) *switched {
	b.Helper()
	for part := range strings.FieldsSeq(parts) {
		if !slices.Contains(monitorParts(), part) {
			b.Fatalf("WSGATEWAY_BENCH_PARTS: there is no %q, only %v", part, monitorParts())
		}
	}
	ca, root, echo := wstest.NewCA(b), wstest.NewRoot(b), wstest.Echo(b)
	s := &switched{trust: ca.Pool, records: wstest.CollectLogs(b), spans: wstest.Collect(b)}
	places := endpoints(echo.Address)
	places.Backends["collector:4317"] = contract.BackendEndpoints{Addresses: []string{s.records.Address}}
	places.Backends[otelCollector] = contract.BackendEndpoints{Addresses: []string{s.spans.Address}}
	root.TLSSecret(b, "public-tls", ca.Issue(b, "ws.example.com", "*.chat.example.com"))
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	root.Secret(b, "audit-key", map[string][]byte{"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})})
	root.Config(b, watched(parts), places)
	reader, writer, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = reader.Close() })
	s.alone = spawn(b, []*os.File{writer}, switchedRoot+"="+root.Path, switchedParts+"="+parts)
	_ = writer.Close()
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	s.address, s.admin, _ = strings.Cut(s.address, " ")
	return s
}

// talk is an open connection, seen by a client that costs little.
type talk struct {
	*tls.Conn
	from *bufio.Reader
}

// frame is a message of 128 bytes, masked with zeros, and its answer is as long but
// for the mask.
func frame() []byte {
	const size = 128
	head := binary.BigEndian.AppendUint16([]byte{0x82, 0x80 | 126}, size)
	return append(head, make([]byte, 4+size)...)
}

func (s *switched) open() (*talk, error) {
	conn, err := tls.Dial("tcp", s.address, &tls.Config{RootCAs: s.trust, ServerName: "ws.example.com", MinVersion: tls.VersionTLS13})
	if err != nil {
		return nil, err
	}
	if _, err := io.WriteString(conn, on("/chat")); err != nil {
		return nil, err
	}
	t := &talk{Conn: conn, from: bufio.NewReader(conn)}
	response, err := http.ReadResponse(t.from, nil)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("handshake: %s", response.Status)
	}
	return t, nil
}

// echo sends a message and reads the answer.
func (t *talk) echo(message []byte) error {
	if _, err := t.Write(message); err != nil {
		return err
	}
	_, err := t.from.Discard(len(message) - 4)
	return err
}

// end says goodbye, and waits until the gateway has nothing more to say.
func (t *talk) end() error {
	if _, err := t.Write([]byte{0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8}); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, t.from); err != nil {
		return err
	}
	return t.Close()
}

// scrape reads the metrics as Prometheus does.
func (s *switched) scrape() error {
	conn, err := net.Dial("tcp", s.admin)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n"); err != nil {
		return err
	}
	answer, err := io.ReadAll(conn)
	if err == nil && !strings.Contains(string(answer), "wsgateway_connections_active") {
		err = fmt.Errorf("no metrics: %.100q", answer)
	}
	return err
}

// load is something that a gateway is made to do.
type load struct {
	name string
	// slice of it is so short that whatever else the machine does meanwhile it does to
	// the next slice as well; a phase has so many slices.
	slice  func(*switched) error
	slices int
	// times that the load's name happens in a slice, and connections that are open
	// between two.
	times, open int
}

// connections are opened and closed one after the other.
func connections() load {
	const each = 5
	return load{name: "connection", times: each, slices: 100, slice: func(s *switched) error {
		for range each {
			t, err := s.open()
			if err == nil {
				err = t.end()
			}
			if err != nil {
				return err
			}
		}
		return nil
	}}
}

// messages go to the echo and come back, on some connections at once.
func messages(b *testing.B, gateways ...*switched) load {
	b.Helper()
	const at, each = 4, 50
	for _, s := range gateways {
		for range at {
			t, err := s.open()
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = t.Close() })
			s.talks = append(s.talks, t)
		}
	}
	message := frame()
	return load{name: "message", times: 2 * at * each, open: at, slices: 100, slice: func(s *switched) error {
		var all errgroup.Group
		for _, t := range s.talks {
			all.Go(func() error {
				for range each {
					if err := t.echo(message); err != nil {
						return err
					}
				}
				return nil
			})
		}
		return all.Wait()
	}}
}

// duel is two gateways of which one has its monitors on.
type duel [2]*switched

// phase puts the load on both in turns, slice by slice, and returns what one time
// costs each of them, in microseconds. Both have done by then all that the load has
// caused; the one with monitors is also scraped, a dozen times as often as is usual.
func (d duel) phase(b *testing.B, l *load, on int) (costs [2]float64) {
	b.Helper()
	var before [2]time.Duration
	for i, s := range d {
		order := "off"
		if i == on {
			order = "on"
		}
		s.tell(b, order)
		before[i] = s.used(b)
	}
	for range l.slices {
		for _, s := range d {
			if err := l.slice(s); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := d[on].scrape(); err != nil {
		b.Fatal(err)
	}
	// The one with monitors has more to wait for: if it looked all the time whether
	// that is over, the looking would count as their price.
	time.Sleep(afterRest)
	for _, s := range d {
		s.tell(b, fmt.Sprint("rest ", l.open))
	}
	for i, s := range d {
		costs[i] = float64((s.used(b) - before[i]).Nanoseconds()) / 1e3 / float64(l.slices*l.times)
	}
	return costs
}

// maxMonitoringRatio is what monitoring may cost, all of it.
const maxMonitoringRatio = 1.03

// compare lets both gateways be either: what makes one process dearer than another of
// the same program, where its memory lies for one, then cancels out.
func (d duel) compare(b *testing.B, l load, pairs int) costRow {
	b.Helper()
	d.phase(b, &l, 0) // caches, pools, connections to collectors
	var off, ratios []float64
	for range pairs {
		first, second := d.phase(b, &l, 0), d.phase(b, &l, 1)
		off = append(off, first[1], second[0])
		ratios = append(ratios, math.Sqrt(first[0]/first[1]*second[1]/second[0]))
	}
	return newRow("processor time per "+l.name, "µs", paired.Of(off).Median, paired.Of(ratios), maxMonitoringRatio)
}

// BenchmarkMonitoring compares what a connection, from accept to its end, and a
// message of 128 bytes cost a gateway with all monitors on with what they cost one
// with all of them off. It fails when that is more than maxMonitoringRatio beyond
// doubt. WSGATEWAY_BENCH_PAIRS is how often each is compared, WSGATEWAY_BENCH_PARTS
// which monitors are on: "none" shows what the method says of two that are the same.
// With WSGATEWAY_BENCH_PROFILE, the first of them writes a profile there.
func BenchmarkMonitoring(b *testing.B) {
	pairs := pairsOr(b, 15)
	parts, loads := cmp.Or(os.Getenv("WSGATEWAY_BENCH_PARTS"), allMonitors), cmp.Or(os.Getenv("WSGATEWAY_BENCH_LOADS"), "connection message")
	d := duel{startSwitched(b, parts), startSwitched(b, parts)}
	if path := os.Getenv("WSGATEWAY_BENCH_PROFILE"); path != "" {
		d[0].tell(b, "profile "+path)
		defer d[0].tell(b, "profile")
	}
	for b.Loop() {
		var rows []costRow
		if strings.Contains(loads, "connection") {
			rows = append(rows, d.compare(b, connections(), pairs))
		}
		if strings.Contains(loads, "message") {
			rows = append(rows, d.compare(b, messages(b, d[0], d[1]), pairs))
		}
		present(b, "monitoring, "+parts, rows)
	}
}
