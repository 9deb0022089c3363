// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import "fmt"

// Tracing sends spans of handshakes to a collector.
type Tracing struct {
	OTLP OTLP `json:"otlp"`
	// Ratio of the handshakes that are traced, from 0 to 1; absent means
	// DefaultTracingRatio.
	Ratio *float64 `json:"ratio,omitempty"`
	// ContinueClients takes over the trace of a client and its decision to sample.
	ContinueClients bool `json:"continueClients,omitempty"`
}

// DefaultTracingRatio shows what is usual without costing anything that counts.
const DefaultTracingRatio = 0.01

// SamplingRatio returns the ratio in force.
func (t *Tracing) SamplingRatio() float64 { return or(t.Ratio, DefaultTracingRatio) }

func (t *Tracing) validate() error {
	if t == nil {
		return nil
	}
	if err := t.OTLP.validate(); err != nil {
		return fmt.Errorf("tracing: %w", err)
	}
	// Not a number is neither below 0 nor above 1.
	if ratio := t.SamplingRatio(); !(ratio >= 0 && ratio <= 1) {
		return fmt.Errorf("tracing: a ratio of %v is not between 0 and 1", ratio)
	}
	return nil
}
