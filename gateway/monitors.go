// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"crypto/tls"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// monitors are told of every caller and every connection. They are interfaces only
// so that what monitoring costs can be measured against a gateway that does none of
// it: no option, flag or configuration puts anything else here than the audit log
// and the metrics.
type monitors struct {
	records recorder
	figures meter
}

// recorder is the part of audit.Log that is told of callers and connections.
type recorder interface {
	Opened(c *audit.Connection)
	Progress(c *audit.Connection, t audit.Traffic)
	Violated(c *audit.Connection, closure *outcome.Closure)
	Closed(c *audit.Connection, t audit.Traffic, closure *outcome.Closure)
	Denied(a *audit.Attempt, refusal *outcome.Refusal)
}

// meter is the part of metrics.Set that is.
type meter interface {
	Secured(version uint16, group tls.CurveID, resumed bool)
	Handshake(phase metrics.Phase, took time.Duration)
	Established(took time.Duration, trace string)
	Opened(route string)
	Traffic(direction metrics.Direction, messages, bytes uint64)
	Closed(route string, reason outcome.Reason, lifetime time.Duration)
	Refused(route string, refusal *outcome.Refusal)
	WouldRefuse(reason outcome.Reason)
	WouldClose(reason outcome.Reason)
}
