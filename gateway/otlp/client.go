// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package otlp sends telemetry to a server that speaks the protocol of
// OpenTelemetry (OTLP 1), by gRPC or by HTTP with protobuf. It sends one message
// and says what became of it; keeping, repeating and giving up is for those who
// know what the message is worth.
package otlp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"time"

	// The image of the gateway has an empty base: the public CAs come along.
	_ "golang.org/x/crypto/x509roots/fallback"
	"google.golang.org/protobuf/proto"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

const (
	dialTimeout = 3 * time.Second
	// maxAnswerBytes bounds an answer: a count and a sentence.
	maxAnswerBytes = 64 << 10
	// standardPort of https, where the URI has none.
	standardPort = "443"
)

// Signal is a kind of telemetry.
type Signal string

// The signals. The request of each is, on the wire, the message that holds its
// resources: logs.v1.LogsData, trace.v1.TracesData.
const (
	Logs   Signal = "logs"
	Traces Signal = "traces"
)

// method is what OTLP calls the signal by gRPC, path by HTTP.
func (s Signal) method() string {
	if s == Traces {
		return "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
	}
	return "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
}

func (s Signal) path() string { return "/v1/" + string(s) }

// Options configure New. Dial is required.
type Options struct {
	// Server says where, and how it is spoken to.
	Server contract.OTLP
	// Headers are sent with each message; see ReadHeaders.
	Headers Headers
	// Dial connects to an address of endpoints.json. It decides which addresses
	// are permitted. A URI is dialled as it is written.
	Dial func(ctx context.Context, address string) (net.Conn, error)
}

// Headers are names and values that a server asks for, such as a token.
type Headers map[string]secret.Text

// Client sends to one server. It is safe for concurrent use. Close it.
type Client struct {
	transport transport

	// mu guards the field below.
	mu        sync.Mutex
	endpoints contract.BackendEndpoints
}

// transport sends an encoded message and returns the encoded answer. The error is
// a *Failure.
type transport interface {
	send(ctx context.Context, signal Signal, message *Message) (answer []byte, err error)
	// moved says that another attempt to connect may have another result.
	moved()
	close()
}

// New returns a client. It connects when there is something to send.
func New(o Options) (*Client, error) {
	c := &Client{}
	trust, err := trustOf(&o.Server)
	if err != nil {
		return nil, err
	}
	dial := c.dialer(&o)
	if o.Server.HTTP {
		c.transport, err = newHTTP(&o, trust, dial)
	} else {
		c.transport, err = newGRPC(&o, trust, dial)
	}
	if err != nil {
		return nil, fmt.Errorf("OTLP server %s: %w", Name(&o.Server), err)
	}
	return c, nil
}

// Name is how a server is called in messages: nothing in it is secret.
func Name(server *contract.OTLP) string {
	if server.Backend != "" {
		return server.Backend
	}
	parsed, err := url.Parse(server.URI)
	if err != nil {
		return "of the configured address"
	}
	return parsed.Host
}

// Send sends a message and waits for the answer, until ctx ends. refused counts
// the items of a message that the server has taken without them. The error is a
// *Failure; after one, the server may have the message all the same.
func (c *Client) Send(ctx context.Context, signal Signal, message proto.Message) (refused int64, err error) {
	encoded, err := proto.Marshal(message)
	if err != nil {
		return 0, &Failure{Verdict: Refused, cause: "the message cannot be encoded"}
	}
	return c.SendEncoded(ctx, signal, NewMessage(encoded, nil))
}

// SendEncoded is Send for a message that is encoded already. The caller is a reader of
// it and stays one; there may be others when SendEncoded has returned.
func (c *Client) SendEncoded(ctx context.Context, signal Signal, message *Message) (refused int64, err error) {
	answer, err := c.transport.send(ctx, signal, message)
	if err != nil {
		return 0, err
	}
	return refusedItems(answer), nil
}

// Move replaces the addresses of a server that is a backend.
func (c *Client) Move(endpoints contract.BackendEndpoints) {
	c.mu.Lock()
	c.endpoints = endpoints
	c.mu.Unlock()
	c.transport.moved()
}

// Close ends the connections. What is being sent fails.
func (c *Client) Close() { c.transport.close() }

// trustOf is nil for a server without TLS.
func trustOf(server *contract.OTLP) (*tls.Config, error) {
	if !server.Encrypted() {
		return nil, nil //nolint:nilnil // no TLS is a configuration of its own
	}
	trust := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: server.ServerName}
	if server.URI != "" {
		parsed, err := url.Parse(server.URI)
		if err != nil {
			return nil, errors.New("OTLP server: its address cannot be read")
		}
		trust.ServerName = parsed.Hostname()
	}
	if server.CABundle != "" {
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM([]byte(server.CABundle)) {
			return nil, fmt.Errorf("OTLP server %s: its CA bundle holds no certificate", Name(server))
		}
	}
	return trust, nil
}

// dialer dials what the configuration says, whatever address a library asks for.
func (c *Client) dialer(o *Options) func(ctx context.Context) (net.Conn, error) {
	if o.Server.Backend != "" {
		return func(ctx context.Context) (net.Conn, error) { return c.reach(ctx, o.Dial) }
	}
	return func(ctx context.Context) (net.Conn, error) {
		parsed, err := url.Parse(o.Server.URI)
		if err != nil {
			return nil, errors.New("its address cannot be read")
		}
		port := parsed.Port()
		if port == "" {
			port = standardPort
		}
		dialer := &net.Dialer{Timeout: dialTimeout}
		return dialer.DialContext(ctx, "tcp", net.JoinHostPort(parsed.Hostname(), port))
	}
}

var errNowhere = errors.New("it has no address: is it running?")

// reach dials the endpoints in any order, and at last the Service's own address,
// which leads to them also when nobody updates the list.
func (c *Client) reach(ctx context.Context, dial func(context.Context, string) (net.Conn, error)) (net.Conn, error) {
	c.mu.Lock()
	addresses := append([]string{}, c.endpoints.Addresses...)
	service := c.endpoints.Service
	c.mu.Unlock()
	rand.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] }) //nolint:gosec // G404: spreads load
	const most = 3
	addresses = addresses[:min(len(addresses), most)]
	if service != "" {
		addresses = append(addresses, service)
	}
	failed := errNowhere
	for _, address := range addresses {
		attempt, cancel := context.WithTimeout(ctx, dialTimeout)
		conn, err := dial(attempt, address)
		cancel()
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	return nil, failed
}
