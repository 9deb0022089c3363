// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
)

// Fate is what became of a span.
type Fate string

// The fates. A span that is Dropped was never sent, because the collector was too
// slow or away for too long; one that has Failed was refused, or not answered.
const (
	Exported Fate = "exported"
	Failed   Fate = "failed"
	Dropped  Fate = "dropped"
)

const (
	// maxWaiting spans wait for the collector, at about 2 KiB each.
	maxWaiting = 2048
	batch      = 512
	// latest is how long a span waits for others to go with.
	latest = 2 * time.Second
	// exportTimeout bounds one request, and so how long others wait for it.
	exportTimeout = 5 * time.Second
	// pause is the time between two attempts.
	pause = 500 * time.Millisecond
)

// queue stands before the SDK's own: that one drops what is too much without
// saying how much.
type queue struct {
	sdk.SpanProcessor
	waiting atomic.Int64
	counted func(Fate, int)
}

// newQueue takes an exporter that has not been started.
func newQueue(exporter sdk.SpanExporter, counted func(Fate, int)) *queue {
	q := &queue{counted: counted}
	q.SpanProcessor = sdk.NewBatchSpanProcessor(&leaving{SpanExporter: exporter, queue: q},
		sdk.WithMaxQueueSize(maxWaiting), sdk.WithMaxExportBatchSize(batch),
		sdk.WithBatchTimeout(latest), sdk.WithExportTimeout(exportTimeout))
	return q
}

// OnEnd implements sdk.SpanProcessor. It never waits.
func (q *queue) OnEnd(span sdk.ReadOnlySpan) {
	if !span.SpanContext().IsSampled() {
		return
	}
	if q.waiting.Add(1) > maxWaiting {
		q.waiting.Add(-1)
		q.counted(Dropped, 1)
		return
	}
	q.SpanProcessor.OnEnd(span)
}

// leaving counts spans out of the queue.
type leaving struct {
	sdk.SpanExporter
	queue *queue
}

// ExportSpans implements sdk.SpanExporter.
func (l *leaving) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	defer l.queue.waiting.Add(-int64(len(spans)))
	return l.SpanExporter.ExportSpans(ctx, spans)
}

// uploader is the transport of the SDK's exporter.
type uploader struct {
	// living ends what is being sent.
	living  context.Context //nolint:containedctx // the SDK hands over contexts of its own
	client  *otlp.Client
	counted func(Fate, int)
	logger  *slog.Logger
	// server is what it is called.
	server string
	// troubled is true while the last request was in vain. One goroutine uploads.
	troubled bool
}

// Start implements otlptrace.Client.
func (u *uploader) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (u *uploader) Stop(context.Context) error { return nil }

// UploadTraces implements otlptrace.Client. What fails is no error: the SDK would
// print it.
func (u *uploader) UploadTraces(ctx context.Context, spans []*tracepb.ResourceSpans) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(u.living, cancel)()
	// TracesData has the encoding of the request.
	rejected, err := u.send(ctx, &tracepb.TracesData{ResourceSpans: spans})
	u.tell(err)
	total := count(spans)
	if err != nil {
		u.counted(Failed, total)
		return nil
	}
	lost := int(min(rejected, int64(total)))
	u.counted(Failed, lost)
	u.counted(Exported, total-lost)
	return nil
}

// send repeats what may pass until ctx is done: a collector that restarts is back
// within seconds.
func (u *uploader) send(ctx context.Context, request *tracepb.TracesData) (rejected int64, err error) {
	for {
		rejected, err = u.client.Send(ctx, otlp.Traces, request)
		if failure, ok := errors.AsType[*otlp.Failure](err); !ok || failure.Verdict == otlp.Refused {
			return rejected, err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return 0, err
		}
	}
}

// tell logs the first failure and the first success after it.
func (u *uploader) tell(err error) {
	switch {
	case err != nil && !u.troubled:
		u.logger.Warn("spans cannot be sent", "collector", u.server, "error", err)
	case err == nil && u.troubled:
		u.logger.Info("spans can be sent again", "collector", u.server)
	}
	u.troubled = err != nil
}

func count(all []*tracepb.ResourceSpans) int {
	total := 0
	for _, resource := range all {
		for _, scope := range resource.GetScopeSpans() {
			total += len(scope.GetSpans())
		}
	}
	return total
}
