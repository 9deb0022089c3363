// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package tracing makes spans of handshakes, by OpenTelemetry, and sends them to
// a collector. A span has nothing of a credential, an identity or a query in it.
//
// All methods may be called on nil, which traces nothing: where tracing is off, it
// costs a comparison.
package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
)

// scope names what makes the spans.
const scope = "github.com/wsgateway/websocket-gateway-operator/gateway"

// Options configure New. All are required.
type Options struct {
	Config *contract.Tracing
	// Headers that the collector asks for; nil for none.
	Headers otlp.Headers
	// Origin says whose spans these are.
	Origin Origin
	// Dial connects to an address of endpoints.json.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Counted is told what became of spans. It must not block.
	Counted func(fate Fate, spans int)
	Logger  *slog.Logger
}

// Origin is the process that makes spans.
type Origin struct {
	Gateway                      contract.GatewayRef
	Pod, PodUID, BootID, Version string
}

// Tracer makes spans by one configuration. It is safe for concurrent use.
type Tracer struct {
	config   contract.Tracing
	headers  otlp.Headers
	client   *otlp.Client
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	// giveUp makes what is not sent yet fail.
	giveUp context.CancelFunc
}

// New starts a tracer; Close it. Its collector has no address before the first
// Move.
func New(o Options) (*Tracer, error) {
	client, err := otlp.New(otlp.Options{Server: o.Config.OTLP, Headers: o.Headers, Dial: o.Dial})
	if err != nil {
		return nil, fmt.Errorf("tracing: %w", err)
	}
	living, giveUp := context.WithCancel(context.Background())
	export := &uploader{living: living, client: client, counted: o.Counted, logger: o.Logger, server: otlp.Name(&o.Config.OTLP)}
	provider := sdk.NewTracerProvider(
		// What is not to be recorded does not get here.
		sdk.WithSampler(sdk.AlwaysSample()),
		sdk.WithResource(o.Origin.resource()),
		sdk.WithSpanProcessor(newQueue(otlptrace.NewUnstarted(export), o.Counted)),
	)
	return &Tracer{
		config: *o.Config, headers: o.Headers, client: client, provider: provider, giveUp: giveUp, tracer: provider.Tracer(scope, trace.WithInstrumentationVersion(o.Origin.Version)),
	}, nil
}

// resource describes the process by the semantic conventions.
func (o *Origin) resource() *resource.Resource {
	attributes := []attribute.KeyValue{
		semconv.ServiceName(o.Gateway.Name), semconv.ServiceNamespace(o.Gateway.Namespace),
		semconv.ServiceInstanceID(o.BootID), semconv.ServiceVersion(o.Version),
	}
	if o.Pod != "" {
		attributes = append(attributes, semconv.K8SNamespaceName(o.Gateway.Namespace), semconv.K8SPodName(o.Pod))
	}
	if o.PodUID != "" {
		attributes = append(attributes, semconv.K8SPodUID(o.PodUID))
	}
	return resource.NewWithAttributes(semconv.SchemaURL, attributes...)
}

// Is tells whether the tracer works by this very configuration, with these headers.
func (t *Tracer) Is(config *contract.Tracing, headers otlp.Headers) bool {
	if t == nil || config == nil {
		return t == nil && config == nil
	}
	return t.config.OTLP == config.OTLP && t.headers.Equal(headers) && t.config.SamplingRatio() == config.SamplingRatio() &&
		t.config.ContinueClients == config.ContinueClients
}

// Move tells where the collector is.
func (t *Tracer) Move(endpoints contract.Endpoints) {
	if t != nil {
		t.client.Move(endpoints.Backends[t.config.OTLP.Backend])
	}
}

// Close sends the spans that are waiting, until ctx is done.
func (t *Tracer) Close(ctx context.Context) {
	if t == nil {
		return
	}
	// The SDK would leave what is left uncounted, and a goroutine with it.
	release := context.AfterFunc(ctx, t.giveUp)
	defer release()
	// What could not be sent was counted; there is nobody else to tell.
	_ = t.provider.Shutdown(context.WithoutCancel(ctx))
	t.giveUp()
	t.client.Close()
}

// at makes the times of spans the gateway's: its clock may not be the SDK's.
func at(when time.Time) trace.SpanEventOption { return trace.WithTimestamp(when) }
