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
	"time"
)

// Order is what to do next. Do is one of the cases of client.do; the other
// fields mean the same in each.
type Order struct {
	Do string `json:"do"`
	// N counts connections, handshakes or messages.
	N int `json:"n,omitempty"`
	// Connections that are gathered, to talk at the same time.
	Connections int `json:"connections,omitempty"`
	// Size of a message in bytes.
	Size int `json:"size,omitempty"`
	// Rate in messages per second over all connections; 0 is as fast as the
	// answers come.
	Rate float64 `json:"rate,omitempty"`
	// Resume TLS sessions where the server allows it.
	Resume bool `json:"resume,omitempty"`
	// Hybrid offers the post-quantum group X25519MLKEM768 beside X25519.
	Hybrid bool `json:"hybrid,omitempty"`
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
	// P50 and P99 of the time from a message to its echo.
	P50 time.Duration `json:"p50,omitempty"`
	P99 time.Duration `json:"p99,omitempty"`
	// TLS says version, cipher and group of the connections; several, if they differ.
	TLS string `json:"tls,omitempty"`
	// Leaf is the serial number of the server's certificate, in hexadecimal digits.
	Leaf string `json:"leaf,omitempty"`
}

// Target is the server to connect to.
type Target struct {
	// Address is HOST:PORT; Host is what it is called by; Path is asked for.
	Address, Host, Path string
	// CAFile is a bundle in PEM; TokenFile has bearer tokens, one a line, that
	// connections take in turns.
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
