// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/otlplog"
	"github.com/wsgateway/websocket-gateway-operator/gateway/certs"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
)

// collecting is how long records are gathered for a collector: a message for a few of
// them costs it and us more than they do.
const collecting = time.Second

// collector is an OTLP server that outlives changes of how it is spoken to: a new
// token or CA must neither lose what waits nor begin another stream.
type collector struct {
	place   contract.OTLP
	output  *otlplog.Output
	headers otlp.Headers
	// from is the Secret that headers are of.
	from string

	// mu guards the fields below.
	mu     sync.Mutex
	server contract.OTLP
	client *otlp.Client
	closed bool
}

// placeOf is what makes a collector another one.
func placeOf(server *contract.OTLP) contract.OTLP {
	return contract.OTLP{HTTP: server.HTTP, Backend: server.Backend, URI: server.URI}
}

// otlpSink is a sink without Out when there is nothing to send with.
func (a *auditing) otlpSink(config *contract.Config, files certs.Files) (audit.Sink, *contract.ReportProblem) {
	server := config.Audit.OTLP
	c := a.collector
	if c == nil || c.place != placeOf(server) {
		c = &collector{place: placeOf(server)}
		c.output = otlplog.New(otlplog.Options{
			Client: c, Gateway: config.Gateway.Namespace + "/" + config.Gateway.Name, Pod: a.options.PodName,
			BootID: a.bootID, Now: a.options.Now,
		})
	}
	headers, problem := c.readHeaders(server, files)
	if err := c.renew(server, headers, a.dial); err != nil {
		c.output.Stop()
		a.collector = nil
		return audit.Sink{}, &contract.ReportProblem{
			Audit: contract.AuditOTLPSink, Reason: contract.ProblemAuditSinkFailing, Message: err.Error(),
		}
	}
	c.move(a.endpoints)
	a.collector = c
	return audit.Sink{Name: sinkOTLP, Out: c.output, Linger: collecting, Trouble: c.trouble, Stop: c.output.Stop, Close: c.close}, problem
}

// move tells the collector where it is now.
func (a *auditing) move(endpoints contract.Endpoints) {
	a.endpoints = endpoints
	if a.collector != nil {
		a.collector.move(endpoints)
	}
}

func (c *collector) move(endpoints contract.Endpoints) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil {
		c.client.Move(endpoints.Backends[c.place.Backend])
	}
}

// readHeaders returns the last good ones while the Secret is malformed.
func (c *collector) readHeaders(server *contract.OTLP, files certs.Files) (otlp.Headers, *contract.ReportProblem) {
	headers, problem := headersOf(server, files)
	if problem == nil {
		return headers, nil
	}
	problem.Audit = contract.AuditOTLPSink
	problem.Serving = problem.Reason == contract.ProblemSecretInvalid && c.from == server.HeadersSecret
	if problem.Serving {
		return c.headers, problem
	}
	return nil, problem
}

// headersOf reads the Secret of a collector.
func headersOf(server *contract.OTLP, files certs.Files) (otlp.Headers, *contract.ReportProblem) {
	name := server.HeadersSecret
	if name == "" {
		return nil, nil
	}
	keys, err := files.List(name)
	if err != nil {
		return nil, missing("", name, "", files, err)
	}
	headers, err := otlp.ReadHeaders(keys, func(key string) ([]byte, error) { return files.Read(name, key) })
	if err != nil {
		return nil, &contract.ReportProblem{Reason: contract.ProblemSecretInvalid, Secret: name, Message: err.Error()}
	}
	return headers, nil
}

// renew makes another client where anything has changed.
func (c *collector) renew(server *contract.OTLP, headers otlp.Headers, dial dialing) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil && c.server == *server && c.headers.Equal(headers) {
		return nil
	}
	client, err := otlp.New(otlp.Options{Server: *server, Headers: headers, Dial: dial})
	if err != nil {
		return err
	}
	if c.client != nil {
		// What is being sent fails, and is sent again by the new one.
		c.client.Close()
	}
	c.client, c.server, c.headers, c.from = client, *server, headers, server.HeadersSecret
	return nil
}

// SendEncoded implements otlplog.Sender.
func (c *collector) SendEncoded(ctx context.Context, signal otlp.Signal, message *otlp.Message) (int64, error) {
	c.mu.Lock()
	client := c.client
	c.mu.Unlock()
	return client.SendEncoded(ctx, signal, message)
}

func (c *collector) trouble() string {
	text := c.output.Trouble()
	if text == "" {
		return ""
	}
	return fmt.Sprintf("collector %s: %s", otlp.Name(&c.place), text)
}

func (c *collector) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.client != nil && !c.closed {
		c.closed = true
		c.client.Close()
	}
}
