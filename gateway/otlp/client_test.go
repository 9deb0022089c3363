// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlp_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// receiver is a collector: the service of the protocol, by gRPC and by HTTP.
type receiver struct {
	collectorv1.UnimplementedLogsServiceServer

	mu      sync.Mutex
	got     []*collectorv1.ExportLogsServiceRequest
	headers []string
	// answer decides; nil takes everything.
	answer func() (*collectorv1.ExportLogsServiceResponse, error)
}

func (r *receiver) Export(ctx context.Context, request *collectorv1.ExportLogsServiceRequest) (*collectorv1.ExportLogsServiceResponse, error) {
	fields, _ := metadata.FromIncomingContext(ctx)
	return r.take(request, strings.Join(fields.Get("authorization"), ","))
}

func (r *receiver) take(request *collectorv1.ExportLogsServiceRequest, header string) (*collectorv1.ExportLogsServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got, r.headers = append(r.got, request), append(r.headers, header)
	if r.answer != nil {
		return r.answer()
	}
	return &collectorv1.ExportLogsServiceResponse{}, nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	var message collectorv1.ExportLogsServiceRequest
	if err != nil || request.Header.Get("Content-Type") != "application/x-protobuf" || request.Method != http.MethodPost ||
		!strings.HasSuffix(request.URL.Path, "/v1/logs") || proto.Unmarshal(body, &message) != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	response, err := r.take(&message, request.Header.Get("Authorization"))
	if err != nil {
		w.Header().Set("Retry-After", "7")
		code := http.StatusInternalServerError
		_, _ = fmt.Sscan(status.Convert(err).Message(), &code)
		w.WriteHeader(code)
		return
	}
	data, _ := proto.Marshal(response)
	_, _ = w.Write(data)
}

// serve starts the receiver and says how to reach it. pair is nil for no TLS.
func (r *receiver) serve(t *testing.T, overHTTP bool, secure bool) (o otlp.Options) {
	t.Helper()
	ca := wstest.NewCA(t)
	pair := ca.Issue(t, "collector.default.svc")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.Server = contract.OTLP{HTTP: overHTTP, Backend: "collector:4317"}
	o.Dial = func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
	}
	if secure {
		o.Server.CABundle = string(ca.PEM)
		o.Server.ServerName = "collector.default.svc"
	}
	if overHTTP {
		server := httptest.NewUnstartedServer(r)
		_ = server.Listener.Close()
		server.Listener = listener
		if secure {
			server.TLS = serverTLS(t, pair)
			server.StartTLS()
		} else {
			server.Start()
		}
		t.Cleanup(server.Close)
		return o
	}
	var options []grpc.ServerOption
	if secure {
		options = append(options, grpc.Creds(credentials.NewTLS(serverTLS(t, pair))))
	}
	server := grpc.NewServer(options...)
	collectorv1.RegisterLogsServiceServer(server, r)
	var running sync.WaitGroup
	running.Go(func() { _ = server.Serve(listener) })
	t.Cleanup(func() {
		server.Stop()
		running.Wait()
	})
	return o
}

func serverTLS(t *testing.T, pair wstest.Pair) *tls.Config {
	t.Helper()
	certificate, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
}

func client(t *testing.T, o otlp.Options) *otlp.Client {
	t.Helper()
	c, err := otlp.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	c.Move(contract.BackendEndpoints{Service: "10.0.0.1:4317"})
	return c
}

func message(text string) *logsv1.LogsData {
	return &logsv1.LogsData{ResourceLogs: []*logsv1.ResourceLogs{{SchemaUrl: text}}}
}

func send(t *testing.T, c *otlp.Client, text string) (int64, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	return c.Send(ctx, otlp.Logs, message(text))
}

func TestAServerOfTheProtocolUnderstandsWhatIsSent(t *testing.T) {
	for _, tt := range []struct {
		name           string
		http, encrypts bool
	}{{"gRPC", false, false}, {"gRPC by TLS", false, true}, {"HTTP", true, false}, {"HTTP by TLS", true, true}} {
		t.Run(tt.name, func(t *testing.T) {
			r := &receiver{}
			o := r.serve(t, tt.http, tt.encrypts)
			if tt.encrypts {
				o.Headers = otlp.Headers{"Authorization": secret.New("Bearer token")}
			}
			if refused, err := send(t, client(t, o), "hello"); err != nil || refused != 0 {
				t.Fatalf("refused %d, error %v", refused, err)
			}
			if len(r.got) != 1 || r.got[0].GetResourceLogs()[0].GetSchemaUrl() != "hello" {
				t.Errorf("the server has got %v", r.got)
			}
			if want := map[bool]string{true: "Bearer token"}[tt.encrypts]; r.headers[0] != want {
				t.Errorf("Authorization %q, want %q", r.headers[0], want)
			}
			r.answer = func() (*collectorv1.ExportLogsServiceResponse, error) {
				return &collectorv1.ExportLogsServiceResponse{PartialSuccess: &collectorv1.ExportLogsPartialSuccess{
					ErrorMessage: "some", RejectedLogRecords: 3,
				}}, nil
			}
			if refused, err := send(t, client(t, o), "again"); err != nil || refused != 3 {
				t.Errorf("refused %d, error %v, want 3 refused", refused, err)
			}
		})
	}
}

func TestFailuresAreJudgedByWhatTheyMeanToTheMessage(t *testing.T) {
	for _, tt := range []struct {
		http bool
		code int
		want otlp.Verdict
	}{
		{false, int(codes.Unavailable), otlp.Away},
		{false, int(codes.Unauthenticated), otlp.Away},
		{false, int(codes.Unimplemented), otlp.Away},
		{false, int(codes.InvalidArgument), otlp.Refused},
		{false, int(codes.Internal), otlp.Unwell},
		{false, int(codes.ResourceExhausted), otlp.Unwell},
		{true, 503, otlp.Away},
		{true, 429, otlp.Away},
		{true, 401, otlp.Away},
		{true, 404, otlp.Away},
		{true, 400, otlp.Refused},
		{true, 413, otlp.Refused},
		{true, 500, otlp.Unwell},
		{true, 302, otlp.Unwell},
	} {
		t.Run(fmt.Sprintf("%v %d", tt.http, tt.code), func(t *testing.T) {
			const planted = "what the server repeats"
			r := &receiver{answer: func() (*collectorv1.ExportLogsServiceResponse, error) {
				if tt.http {
					return nil, errors.New(fmt.Sprint(tt.code))
				}
				return nil, status.Error(codes.Code(tt.code), planted)
			}}
			_, err := send(t, client(t, r.serve(t, tt.http, false)), planted)
			failure, ok := errors.AsType[*otlp.Failure](err)
			if !ok || failure.Verdict != tt.want {
				t.Fatalf("error %v, want verdict %d", err, tt.want)
			}
			if strings.Contains(err.Error(), planted) {
				t.Errorf("the error repeats what the server has written: %v", err)
			}
			if want := map[bool]time.Duration{true: 7 * time.Second}[tt.http]; failure.Wait != want {
				t.Errorf("wait %v, want %v", failure.Wait, want)
			}
		})
	}
}

func TestAServerThatCannotBeReachedIsAway(t *testing.T) {
	for _, http := range []bool{false, true} {
		r := &receiver{}
		o := r.serve(t, http, false)
		dial := o.Dial
		o.Dial = func(context.Context, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
		}
		c := client(t, o)
		_, err := send(t, c, "x")
		failure, ok := errors.AsType[*otlp.Failure](err)
		if !ok || failure.Verdict != otlp.Away || err.Error() != "not reached: connection refused" {
			t.Errorf("http %v: error %v", http, err)
		}
		nowhere := client(t, o)
		nowhere.Move(contract.BackendEndpoints{})
		if _, err := send(t, nowhere, "x"); err == nil || !strings.Contains(err.Error(), "no address") {
			t.Errorf("http %v: without an address: %v", http, err)
		}
		o.Dial = dial
		if _, err := send(t, client(t, o), "x"); err != nil {
			t.Errorf("http %v: it is back, and yet %v", http, err)
		}
	}
}

func TestAServerIsTrustedByItsCAOnly(t *testing.T) {
	for _, http := range []bool{false, true} {
		r := &receiver{}
		o := r.serve(t, http, true)
		other := wstest.NewCA(t)
		o.Server.CABundle = string(other.PEM)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if _, err := client(t, o).Send(ctx, otlp.Logs, message("x")); err == nil || len(r.got) > 0 {
			t.Errorf("http %v: it was sent to a server of another CA", http)
		}
		cancel()
	}
}

func TestHeadersOfASecret(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, key, value, want string
	}{
		{"a token is taken without the line break of its file", "Authorization", "Bearer x\n", ""},
		{"a line break inside is refused", "Authorization", "a\r\nHost: b", "printable"},
		{"an empty value is refused", "x", "\n", "printable"},
		{"a long value is refused", "x", strings.Repeat("v", 9000), "printable"},
		{"no name is refused", "a b", "v", "name of a header"},
		{"a header of the protocol is refused", "Content-Type", "v", "name of a header"},
		{"a header of gRPC is refused", "grpc-timeout", "v", "name of a header"},
		{"a binary header of gRPC is refused", "x-bin", "v", "name of a header"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			headers, err := otlp.ReadHeaders([]string{tt.key}, func(string) ([]byte, error) { return []byte(tt.value), nil })
			if tt.want == "" {
				if value := headers[tt.key]; err != nil || value.Reveal() != "Bearer x" {
					t.Errorf("%v, %v", value.Reveal(), err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "vvv") {
				t.Errorf("error %v, want one with %q that quotes no value", err, tt.want)
			}
		})
	}
	if _, err := otlp.ReadHeaders(make([]string, 17), nil); err == nil {
		t.Error("17 headers are taken")
	}
}

// Whatever a server answers, it is read as the generated code reads it, or as
// nothing.
func FuzzAnswers(f *testing.F) {
	for _, count := range []int64{0, 1, 1 << 40, -1} {
		data, err := proto.Marshal(&collectorv1.ExportLogsServiceResponse{
			PartialSuccess: &collectorv1.ExportLogsPartialSuccess{RejectedLogRecords: count, ErrorMessage: "why"},
		})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, answer []byte) {
		got := otlp.RefusedItems(answer)
		if got < 0 {
			t.Errorf("%d refused items", got)
		}
	})
}
