// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

const otelCollector = "otel-collector:4317"

// traced is the configuration of the authorization server's tests, traced.
func traced(ratio float64) contract.Config {
	config := guarded(0)
	config.Tracing = &contract.Tracing{OTLP: contract.OTLP{Backend: otelCollector}, Ratio: &ratio}
	return config
}

type tracedGateway struct {
	*guardedGateway
	collector *wstest.Collector
}

// put brings a configuration into force, with the collector where it is.
func (g *tracedGateway) put(t *testing.T, config contract.Config) {
	t.Helper()
	all := g.endpoints()
	all.Backends[otelCollector] = contract.BackendEndpoints{Addresses: []string{g.collector.Address}}
	g.root.Config(t, config, all)
	g.served(t, config)
}

func startTraced(t *testing.T, config contract.Config) *tracedGateway {
	t.Helper()
	g := &tracedGateway{guardedGateway: startGuarded(t, doorkeeper(t), guarded(0)), collector: wstest.Collect(t)}
	g.put(t, config)
	return g
}

// awaited waits for spans of a name and returns them.
func (g *tracedGateway) awaited(t *testing.T, name string, n int) []wstest.CollectedSpan {
	t.Helper()
	until(t, func() string {
		if got := len(g.collector.Spans()[name]); got < n {
			return fmt.Sprintf("%d of %d spans %q", got, n, name)
		}
		return ""
	})
	return g.collector.Spans()[name]
}

func TestAConnectionIsTracedFromTheHandshakeToItsEnd(t *testing.T) {
	t.Parallel()
	g := startTraced(t, traced(1))
	conn := g.open(t, "Authorization", "Bearer "+marked+"-ann")
	if err := echoOnce(conn); err != nil {
		t.Fatal(err)
	}
	_ = conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(4001, "bye"), time.Now().Add(5*time.Second))
	closing := g.awaited(t, "websocket close", 1)[0]
	whole := g.awaited(t, "GET /chat", 1)[0]
	upstream := g.awaited(t, "GET", 1)[0]
	g.awaited(t, "authenticate", 1)

	until(t, func() string {
		opened := g.audit.records(t, "opened")
		if len(opened) != 1 {
			return fmt.Sprintf("%d records of an opening", len(opened))
		}
		if got, want := opened[0].TraceID, hex.EncodeToString(whole.GetTraceId()); got != want {
			t.Errorf("the record names trace %q, the span is of %q", got, want)
		}
		return ""
	})
	for name, want := range map[string]string{
		"http.response.status_code": "101", "wsgateway.route": "chat", "wsgateway.policy": "asked", "wsgateway.listener": "public",
		"wsgateway.auth.method": "external", "url.path": "/chat", "server.address": "ws.example.com", "tls.protocol.version": "1.3",
	} {
		if got := whole.Attributes[name]; got != want {
			t.Errorf("%s of the handshake is %q, want %q", name, got, want)
		}
	}
	if id := whole.Attributes["wsgateway.connection.id"]; id == "" || closing.Attributes["wsgateway.connection.id"] != id {
		t.Errorf("the handshake is that of connection %q, the end that of %q", id, closing.Attributes["wsgateway.connection.id"])
	}
	if got := closing.Attributes["wsgateway.close.code"]; got != "4001" || closing.Attributes["wsgateway.messages.from_client"] != "1" {
		t.Errorf("the end is %v", closing.Attributes)
	}
	if links := closing.GetLinks(); len(links) != 1 || string(links[0].GetSpanId()) != string(whole.GetSpanId()) {
		t.Errorf("the end is linked to %v", links)
	}
	want := "00-" + hex.EncodeToString(whole.GetTraceId()) + "-" + hex.EncodeToString(upstream.GetSpanId()) + "-01"
	if diff := cmp.Diff([]string{want}, g.echo.Requests()[0].Header["Traceparent"]); diff != "" {
		t.Errorf("the backend is told (-want +got):\n%s", diff)
	}
	if _, _, text := g.get(t, "/metrics"); strings.Contains(text, hex.EncodeToString(whole.GetTraceId())) {
		t.Error("a trace is named to a scraper that did not ask for OpenMetrics")
	}
}

func TestRefusalsAreTracedWithTheirReasons(t *testing.T) {
	t.Parallel()
	g := startTraced(t, traced(1))
	for raw, want := range map[string]string{
		request("Authorization: Bearer "+marked+"-eve", "Origin: https://evil.example"): "origin_not_allowed",
		request("Cookie: x=" + marked):                                         "bad_credential",
		strings.Replace(request(), "GET /chat", "GET /elsewhere?t="+marked, 1): "no_route",
	} {
		g.ask(t, "ws.example.com", raw)
		var trace string
		until(t, func() string {
			for _, spans := range g.collector.Spans() {
				for _, span := range spans {
					if span.Attributes["wsgateway.reason"] == want && span.Attributes["http.response.status_code"] != "" {
						trace = hex.EncodeToString(span.GetTraceId())
						return ""
					}
				}
			}
			return "a span that ends with " + want
		})
		until(t, func() string {
			for _, record := range g.audit.records(t, "denied") {
				if string(record.Reason) == want && record.TraceID == trace {
					return ""
				}
			}
			return "a record of " + want + " that names the trace " + trace
		})
	}
	g.clean(t)
}

// clean looks whether something got into a span that must not be there.
func (g *tracedGateway) clean(t *testing.T) {
	t.Helper()
	for name, spans := range g.collector.Spans() {
		for _, span := range spans {
			if text := fmt.Sprint(span.Span, span.Attributes, span.Resource); strings.Contains(text, marked) {
				t.Errorf("span %q tells a secret: %s", name, text)
			}
		}
	}
	if text := g.logs.String(); strings.Contains(text, marked) {
		t.Errorf("a credential is in the log:\n%s", text)
	}
}

func TestSpansHoldNoCredentialNoQueryAndNobody(t *testing.T) {
	t.Parallel()
	g := startTraced(t, traced(1))
	raw := strings.Replace(request("Authorization: Bearer "+marked+"-ann", "Cookie: c="+marked, "Sec-WebSocket-Protocol: bearer, "+marked, "User-Agent: "+marked),
		"GET /chat", "GET /chat?access_token="+marked, 1)
	if response, _ := g.ask(t, "ws.example.com", raw); response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", response.StatusCode)
	}
	g.awaited(t, "GET /chat", 1)
	g.awaited(t, "websocket close", 1)
	g.clean(t)
	for _, spans := range g.collector.Spans() {
		for _, span := range spans {
			for name, value := range span.Attributes {
				if value == "ann" || value == "authz" {
					t.Errorf("%s tells who it is: %s", name, value)
				}
			}
		}
	}
}

// Where nothing is traced, a client's context goes through as it always did.
func TestTracingComesAndGoesWithoutClosingAnything(t *testing.T) {
	t.Parallel()
	g := startTraced(t, guarded(0))
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	enter := func(who string) *websocket.Conn {
		t.Helper()
		return g.open(t, "Authorization", "Bearer "+marked+"-"+who, "Traceparent", parent)
	}
	told := func() string {
		requests := g.echo.Requests()
		return requests[len(requests)-1].Header.Get("Traceparent")
	}
	before := enter("ann")
	if got := told(); got != parent {
		t.Errorf("untraced: the backend is told %q, want what the client said", got)
	}
	g.put(t, traced(1))
	during := enter("bob")
	if got := told(); got == parent || len(got) != len(parent) || strings.Contains(got, "0af7651916cd43dd") {
		t.Errorf("traced: the backend is told %q", got)
	}
	g.put(t, traced(0))
	unsampled := enter("cid")
	if got := told(); got == parent || !strings.HasSuffix(got, "-00") {
		t.Errorf("not sampled: the backend is told %q", got)
	}
	g.put(t, guarded(0))
	after := enter("dan")
	if got := told(); got != parent {
		t.Errorf("untraced again: the backend is told %q", got)
	}
	for name, conn := range map[string]*websocket.Conn{"before": before, "during": during, "unsampled": unsampled, "after": after} {
		if err := echoOnce(conn); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if spans := g.awaited(t, "GET /chat", 1); len(spans) != 1 || len(spans[0].GetLinks()) != 1 {
		t.Errorf("traced are %v, want the one handshake, with a link to the client's trace", spans)
	}
}

func TestACollectorThatIsAwayHoldsUpNobody(t *testing.T) {
	t.Parallel()
	g := startTraced(t, traced(1))
	g.collector.Stop()
	for range 5 {
		if err := echoOnce(g.open(t, "Authorization", "Bearer "+marked+"-ann")); err != nil {
			t.Errorf("without a collector: %v", err)
		}
	}
	g.end(t)
	if text := g.logs.String(); strings.Count(text, "spans cannot be sent") != 1 {
		t.Errorf("it is not logged once:\n%s", text)
	}
	g.clean(t)
}

// A collector that asks for a token gets it by TLS; without the Secret it refuses,
// and the report says why.
func TestACollectorOfTracesGetsItsHeadersByTLS(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	pair := ca.Issue(t, "collector.default.svc")
	config := traced(1)
	config.Tracing.OTLP.CABundle, config.Tracing.OTLP.ServerName = string(ca.PEM), "collector.default.svc"
	config.Tracing.OTLP.HeadersSecret = "trace-headers"
	g := startTraced(t, config)
	g.collector.Stop()
	g.collector.Answer(func(ctx context.Context) (*collectorv1.ExportTraceServiceResponse, error) {
		fields, _ := metadata.FromIncomingContext(ctx)
		if !slices.Equal(fields.Get("authorization"), []string{"Bearer traces"}) {
			return nil, status.Error(codes.Unauthenticated, "who are you?")
		}
		return &collectorv1.ExportTraceServiceResponse{}, nil
	})
	g.collector.Start(t, keyPair(t, pair))
	if problems := g.report(t).Problems; !slices.ContainsFunc(problems, func(p contract.ReportProblem) bool {
		return p.Tracing && p.Reason == contract.ProblemSecretNotFound && p.Secret == "trace-headers"
	}) {
		t.Errorf("problems %+v, want that the Secret is not there", problems)
	}
	g.root.Secret(t, "trace-headers", map[string][]byte{"authorization": []byte("Bearer traces\n")})
	until(t, func() string {
		if problems := g.report(t).Problems; slices.ContainsFunc(problems, func(p contract.ReportProblem) bool { return p.Tracing }) {
			return fmt.Sprintf("no problem, not %+v", problems)
		}
		return ""
	})
	_ = g.open(t, "Authorization", "Bearer "+marked+"-ann").Close()
	g.awaited(t, "GET /chat", 1)
	if strings.Contains(g.logs.String(), "Bearer traces") {
		t.Error("the token is written down")
	}
}
