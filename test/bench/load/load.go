// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package load is the client of the comparison: it opens connections, talks over
// them and measures what a client can measure.
package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
)

// Order is what to do next. Do is one of the cases of client.do; the other
// fields mean the same in each.
type Order struct {
	Do string `json:"do"`
	// N counts connections, handshakes or messages.
	N int `json:"n,omitempty"`
	// Connections talk at the same time.
	Connections int `json:"connections,omitempty"`
	// Size of a message in bytes.
	Size int `json:"size,omitempty"`
	// Rate in messages per second over all connections; 0 is as fast as the
	// answers come.
	Rate float64 `json:"rate,omitempty"`
	// Resume TLS sessions where the server allows it.
	Resume bool `json:"resume,omitempty"`
	// Dialers that open and close connections all the while.
	Dialers int `json:"dialers,omitempty"`
}

// Answer to an order.
type Answer struct {
	Error string `json:"error,omitempty"`
	// Count of what was asked for and was done.
	Count   int     `json:"count"`
	Seconds float64 `json:"seconds,omitempty"`
	// Resumed handshakes, of Count.
	Resumed int `json:"resumed,omitempty"`
	// Handshakes that the dialers made meanwhile.
	Handshakes int `json:"handshakes,omitempty"`
	// P50 and P99 of the time from a message to its echo, in milliseconds.
	P50 float64 `json:"p50,omitempty"`
	P99 float64 `json:"p99,omitempty"`
}

// Target is the server to connect to.
type Target struct {
	// Address is HOST:PORT; Host is what it is called by; Path is asked for.
	Address, Host, Path string
	// CAFile and TokenFile are a bundle in PEM and a bearer token.
	CAFile, TokenFile string
}

// Serve carries out orders, one per line, and answers each with one line, until
// there are no more.
func Serve(ctx context.Context, target Target, in io.Reader, out io.Writer) error {
	c, err := newClient(target)
	if err != nil {
		return err
	}
	orders, answers := bufio.NewScanner(in), json.NewEncoder(out)
	for orders.Scan() {
		var order Order
		if err := json.Unmarshal(orders.Bytes(), &order); err != nil {
			return fmt.Errorf("order %q: %w", orders.Text(), err)
		}
		answer, err := c.do(ctx, order)
		if err != nil {
			answer.Error = err.Error()
		}
		if err := answers.Encode(answer); err != nil {
			return fmt.Errorf("answer: %w", err)
		}
	}
	return orders.Err()
}
