// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	contentType = "application/x-protobuf"
	idleTimeout = time.Minute
	// maxWait bounds what a server may ask for by Retry-After.
	maxWait = 5 * time.Minute
)

// overHTTP sends by HTTP with protobuf.
type overHTTP struct {
	client  *http.Client
	base    string
	headers Headers
}

func newHTTP(o *Options, trust *tls.Config, dial func(context.Context) (net.Conn, error)) (*overHTTP, error) {
	base := strings.TrimSuffix(o.Server.URI, "/")
	if base == "" {
		scheme := "http://"
		if trust != nil {
			scheme = "https://"
		}
		// The name of a backend is NAME:PORT.
		base = scheme + o.Server.Backend
	}
	if _, err := http.NewRequest(http.MethodPost, base, http.NoBody); err != nil { //nolint:noctx // it is not sent
		return nil, errors.New("its address cannot be read")
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &overHTTP{
		base: base, headers: o.Headers,
		client: &http.Client{
			Transport: &http.Transport{
				DialContext:            func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
				TLSClientConfig:        trust,
				Protocols:              protocols,
				MaxResponseHeaderBytes: maxAnswerHeaders,
				MaxConnsPerHost:        1,
				IdleConnTimeout:        idleTimeout,
				TLSHandshakeTimeout:    dialTimeout,
			},
			// The headers are for this server and no other.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (h *overHTTP) moved() {}

func (h *overHTTP) close() { h.client.CloseIdleConnections() }

func (h *overHTTP) send(ctx context.Context, signal Signal, message *Message) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.base+signal.path(), http.NoBody)
	if err != nil {
		return nil, &Failure{Verdict: Away, cause: "its address cannot be read"}
	}
	request.Body, request.ContentLength = message.body(), int64(len(message.Bytes()))
	// For a connection that the server has closed while it was idle.
	request.GetBody = func() (io.ReadCloser, error) { return message.body(), nil }
	for name, value := range h.headers {
		request.Header.Set(name, value.Reveal())
	}
	request.Header.Set("Content-Type", contentType)
	response, err := h.client.Do(request)
	if err != nil {
		return nil, unreached(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	switch {
	case response.StatusCode != http.StatusOK:
		failure := ofStatus(response.StatusCode)
		failure.Wait = wait(response.Header.Get("Retry-After"))
		return nil, failure
	case err != nil:
		return nil, unreached(fmt.Errorf("read answer: %w", err))
	}
	return answer, nil
}

// wait reads the seconds of Retry-After; a date counts as none.
func wait(text string) time.Duration {
	seconds, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return 0
	}
	return min(time.Duration(seconds)*time.Second, maxWait)
}
