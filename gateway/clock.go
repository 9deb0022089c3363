// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	mathrand "math/rand/v2"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// withDefaults fills in what was left open. This is the one place that reaches
// for the system's clock; everything below is handed it.
func withDefaults(o Options) Options {
	if o.DrainWindow == 0 {
		o.DrainWindow = contract.DefaultDrainWindow
	}
	if o.AcceptAfterStop == 0 {
		o.AcceptAfterStop = DefaultAcceptAfterStop
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // see above
	}
	return o
}

// random spreads load and closings; nothing that must not be guessed.
func random() float64 {
	return mathrand.Float64() //nolint:gosec // see above
}

// newBootID tells this start of the process from every other.
func newBootID() string {
	var id [16]byte
	// Since Go 1.24, Read never fails.
	_, _ = rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
