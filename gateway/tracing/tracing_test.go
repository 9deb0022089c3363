// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package tracing_test

import (
	"context"
	"crypto/tls"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/tracing"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	collectorName = "collector:4317"
	clientTrace   = "0af7651916cd43dd8448eb211c80319c"
	clientSpan    = "b7ad6b7169203331"
)

// fates count what has become of spans.
type fates struct {
	mu  sync.Mutex
	all map[tracing.Fate]int
}

func (f *fates) count(fate tracing.Fate, spans int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[tracing.Fate]int{}
	}
	f.all[fate] += spans
}

func (f *fates) of(fate tracing.Fate) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all[fate]
}

// tracer traces to a collector; ended closes it and waits.
func tracer(t testing.TB, server *wstest.Collector, config contract.Tracing, counted *fates) (made *tracing.Tracer, ended func()) {
	t.Helper()
	config.OTLP.Backend = collectorName
	made, err := tracing.New(tracing.Options{
		Config: &config, Logger: slog.New(slog.DiscardHandler), Counted: counted.count,
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "tcp", address)
		},
		Origin: tracing.Origin{Gateway: contract.GatewayRef{Namespace: "team", Name: "edge"}, Pod: "edge-0", PodUID: "uid-0", BootID: "boot-0", Version: "v1.2.3"},
	})
	if err != nil {
		t.Fatal(err)
	}
	made.Move(contract.Endpoints{Backends: map[string]contract.BackendEndpoints{collectorName: {Addresses: []string{server.Address}}}})
	ended = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		made.Close(ctx)
	})
	t.Cleanup(ended)
	return made, ended
}

func all() contract.Tracing  { return contract.Tracing{Ratio: new(1.0)} }
func none() contract.Tracing { return contract.Tracing{Ratio: new(0.0)} }

func fromClient(flags string) http.Header {
	return http.Header{"Traceparent": {"00-" + clientTrace + "-" + clientSpan + "-" + flags}, "Tracestate": {"vendor=1"}}
}

// shake takes a handshake through its life and returns what the backend is told.
func shake(t testing.TB, tracer *tracing.Tracer, header http.Header, began time.Time) (told http.Header, mark *tracing.Mark) {
	t.Helper()
	h := tracer.Begin(t.Context(), began, header)
	h.Authenticated(began.Add(time.Millisecond), began.Add(3*time.Millisecond), "jwt", "")
	upstream := h.Upstream(began.Add(4 * time.Millisecond))
	told = header.Clone()
	if told == nil {
		told = http.Header{}
	}
	upstream.Propagate(told)
	upstream.End(began.Add(8*time.Millisecond), "echo:80", "10.0.0.7:8080", "")
	h.End(began.Add(10*time.Millisecond), &tracing.Result{
		Status: http.StatusSwitchingProtocols, Pattern: "/chat", Listener: "public", Route: "chat", Policy: "users", Method: "jwt",
		ConnectionID: "boot-1", Host: "ws.example.com", Path: "/chat/room",
		TLS: &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256, CurveID: tls.X25519MLKEM768},
	})
	return told, h.Mark()
}

func text(id []byte) string { return hex.EncodeToString(id) }

func one(t testing.TB, server *wstest.Collector, name string) wstest.CollectedSpan {
	t.Helper()
	found := server.Spans()[name]
	if len(found) != 1 {
		t.Fatalf("%d spans are named %q, want 1; there are %v", len(found), name, server.Spans())
	}
	return found[0]
}

func TestAHandshakeIsASpanWithItsPartsAndItsEndIsLinkedToIt(t *testing.T) {
	t.Parallel()
	server, counted := wstest.Collect(t), &fates{}
	tracer, end := tracer(t, server, all(), counted)
	began := time.Now().Add(-time.Hour).Truncate(time.Microsecond)
	told, mark := shake(t, tracer, nil, began)
	tracer.Closed(t.Context(), mark, &tracing.Ending{
		Opened: began, Closed: began.Add(time.Minute), Reason: "idle_timeout", Initiator: "gateway", Code: 1001,
		Listener: "public", Route: "chat", Policy: "users", ConnectionID: "boot-1",
		MessagesFromClient: 3, MessagesToClient: 4, BytesFromClient: 30, BytesToClient: 40,
	})
	end()

	whole, auth, upstream, closing := one(t, server, "GET /chat"), one(t, server, "authenticate"), one(t, server, "GET"), one(t, server, "websocket close")
	if diff := cmp.Diff(map[string]string{
		"http.request.method": "GET", "http.route": "/chat", "http.response.status_code": "101", "url.scheme": "wss", "url.path": "/chat/room",
		"server.address": "ws.example.com", "network.protocol.name": "http", "network.protocol.version": "1.1",
		"tls.protocol.name": "tls", "tls.protocol.version": "1.3", "tls.cipher": "TLS_AES_128_GCM_SHA256", "tls.curve": "X25519MLKEM768", "tls.resumed": "false",
		"wsgateway.listener": "public", "wsgateway.route": "chat", "wsgateway.policy": "users", "wsgateway.auth.method": "jwt", "wsgateway.connection.id": "boot-1",
	}, whole.Attributes); diff != "" {
		t.Errorf("attributes of the handshake (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"http.request.method": "GET", "http.response.status_code": "101", "server.address": "10.0.0.7", "server.port": "8080",
		"network.protocol.name": "http", "network.protocol.version": "1.1", "wsgateway.backend": "echo:80",
	}, upstream.Attributes); diff != "" {
		t.Errorf("attributes of the backend's handshake (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"wsgateway.listener": "public", "wsgateway.route": "chat", "wsgateway.policy": "users", "wsgateway.connection.id": "boot-1",
		"wsgateway.reason": "idle_timeout", "wsgateway.close.initiator": "gateway", "wsgateway.close.code": "1001", "wsgateway.connection.duration": "60",
		"wsgateway.messages.from_client": "3", "wsgateway.messages.to_client": "4", "wsgateway.message_bytes.from_client": "30", "wsgateway.message_bytes.to_client": "40",
	}, closing.Attributes); diff != "" {
		t.Errorf("attributes of the end (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"service.name": "edge", "service.namespace": "team", "service.instance.id": "boot-0", "service.version": "v1.2.3",
		"k8s.namespace.name": "team", "k8s.pod.name": "edge-0", "k8s.pod.uid": "uid-0",
	}, whole.Resource); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
	for name, child := range map[string]wstest.CollectedSpan{"authenticate": auth, "upstream": upstream} {
		if text(child.GetParentSpanId()) != text(whole.GetSpanId()) || text(child.GetTraceId()) != text(whole.GetTraceId()) {
			t.Errorf("%s is no child of the handshake", name)
		}
	}
	if len(whole.GetParentSpanId()) != 0 || whole.GetKind() != tracepb.Span_SPAN_KIND_SERVER || upstream.GetKind() != tracepb.Span_SPAN_KIND_CLIENT {
		t.Errorf("kinds %v and %v, parent %x", whole.GetKind(), upstream.GetKind(), whole.GetParentSpanId())
	}
	links := closing.GetLinks()
	if len(links) != 1 || text(links[0].GetSpanId()) != text(whole.GetSpanId()) || text(closing.GetTraceId()) == text(whole.GetTraceId()) {
		t.Errorf("the end is linked to %v, in trace %x", links, closing.GetTraceId())
	}
	if from, to := whole.GetStartTimeUnixNano(), whole.GetEndTimeUnixNano(); int64(from) != began.UnixNano() || to-from != 10_000_000 {
		t.Errorf("the handshake lasted from %d to %d, want 10 ms from %d on", from, to, began.UnixNano())
	}
	if want := "00-" + text(whole.GetTraceId()) + "-" + text(upstream.GetSpanId()) + "-01"; told.Get("Traceparent") != want {
		t.Errorf("the backend is told %q, want %q", told.Get("Traceparent"), want)
	}
	if counted.of(tracing.Exported) != 4 {
		t.Errorf("%v were counted, want 4 exported", counted.all)
	}
}

func TestARefusalIsToldWithItsReason(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]struct {
		status int
		code   tracepb.Status_StatusCode
	}{
		"bad_credential": {401, tracepb.Status_STATUS_CODE_UNSET}, "upstream_timeout": {504, tracepb.Status_STATUS_CODE_ERROR},
	} {
		server := wstest.Collect(t)
		tracer, end := tracer(t, server, all(), &fates{})
		h := tracer.Begin(t.Context(), time.Now(), nil)
		h.Authenticated(time.Now(), time.Now(), "", reason)
		h.Upstream(time.Now()).End(time.Now(), "", "", reason)
		h.End(time.Now(), &tracing.Result{Status: want.status, Reason: reason, Pattern: "/chat"})
		end()
		whole := one(t, server, "GET /chat")
		if whole.GetStatus().GetCode() != want.code || whole.Attributes["wsgateway.reason"] != reason {
			t.Errorf("%s: status %v, %v", reason, whole.GetStatus(), whole.Attributes)
		}
		if _, failed := whole.Attributes["error.type"]; failed != (want.status >= 500) {
			t.Errorf("%s: %v", reason, whole.Attributes)
		}
		if got := one(t, server, "authenticate").Attributes["wsgateway.reason"]; got != reason {
			t.Errorf("authentication ended with %q, want %q", got, reason)
		}
		if got := one(t, server, "GET"); got.Attributes["error.type"] != reason || got.GetStatus().GetCode() != tracepb.Status_STATUS_CODE_ERROR {
			t.Errorf("the backend's handshake: %v, %v", got.Attributes, got.GetStatus())
		}
	}
}

// A client that is not trusted must neither fill the collector nor write into the
// traces of others; one that is, decides for itself.
func TestWhatAClientSaysOfItsTrace(t *testing.T) {
	t.Parallel()
	continued := func(config contract.Tracing) contract.Tracing {
		config.ContinueClients = true
		return config
	}
	tests := map[string]struct {
		config   contract.Tracing
		header   http.Header
		recorded bool
		// traced is true where the trace is the client's, linked where it is named.
		traced, linked bool
		flags          string
	}{
		"nothing":                                   {config: all(), recorded: true, flags: "-01"},
		"nothing, and nothing is sampled":           {config: none(), flags: "-00"},
		"a trace":                                   {config: all(), header: fromClient("00"), recorded: true, linked: true, flags: "-01"},
		"that it wants to be sampled":               {config: none(), header: fromClient("01"), flags: "-00"},
		"what is no trace":                          {config: all(), header: http.Header{"Traceparent": {"00-x-y-01"}}, recorded: true, flags: "-01"},
		"trusted: nothing":                          {config: continued(all()), recorded: true, flags: "-01"},
		"trusted: that it wants to be sampled":      {config: continued(none()), header: fromClient("01"), recorded: true, traced: true, flags: "-01"},
		"trusted: that it wants not to be sampled":  {config: continued(all()), header: fromClient("00"), traced: true, flags: "-00"},
		"trusted: what is no trace, nobody sampled": {config: continued(none()), header: http.Header{"Traceparent": {"00-x-y-01"}}, flags: "-00"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := wstest.Collect(t)
			tracer, end := tracer(t, server, test.config, &fates{})
			told, mark := shake(t, tracer, test.header, time.Now())
			tracer.Closed(t.Context(), mark, &tracing.Ending{})
			end()
			parent := told.Get("Traceparent")
			if strings.Contains(parent, clientTrace) != test.traced || !strings.HasSuffix(parent, test.flags) || strings.Contains(parent, clientSpan) {
				t.Errorf("the backend is told %q", parent)
			}
			if state := told.Get("Tracestate"); (state != "") != test.traced {
				t.Errorf("the backend is told the state %q", state)
			}
			if !test.recorded {
				if got := server.Spans(); len(got) != 0 {
					t.Errorf("recorded %v", got)
				}
				return
			}
			whole := one(t, server, "GET /chat")
			if got := text(whole.GetTraceId()) == clientTrace; got != test.traced {
				t.Errorf("in the client's trace: %t", got)
			}
			if links := whole.GetLinks(); (len(links) == 1 && text(links[0].GetTraceId()) == clientTrace) != test.linked {
				t.Errorf("links %v", links)
			}
			if len(server.Spans()["websocket close"]) != 1 {
				t.Error("the end is not told")
			}
		})
	}
}

func TestTheShareThatIsSampledIsTheOneThatWasAskedFor(t *testing.T) {
	t.Parallel()
	tracer, _ := tracer(t, wstest.Collect(t), contract.Tracing{Ratio: new(0.25)}, &fates{})
	const tries = 4000
	recorded := 0
	for range tries {
		h := tracer.Begin(t.Context(), time.Now(), nil)
		if h.Recorded() {
			recorded++
		}
	}
	// Far more than six standard deviations.
	if share := float64(recorded) / tries; share < 0.2 || share > 0.3 {
		t.Errorf("%.3f are sampled, want 0.25", share)
	}
}
