// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import "errors"

// OTLP is a server that takes telemetry by the protocol of OpenTelemetry, over
// gRPC. It has no pointer in it, so that two can be compared.
type OTLP struct {
	// Backend is a key of Endpoints.Backends.
	Backend string `json:"backend,omitempty"`
}

func (o *OTLP) validate() error {
	if o.Backend == "" {
		return errors.New("otlp: needs a backend")
	}
	return nil
}
