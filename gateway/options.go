// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// DefaultAcceptAfterStop is how long a stopping gateway goes on accepting:
// about the time that load balancers need to learn that the pod has left.
const DefaultAcceptAfterStop = 5 * time.Second

// Options says where a gateway finds its files and what it listens on. What it
// shall do is in the files.
type Options struct {
	// Root is the folder that holds contract.ConfigFolder and
	// contract.SecretsFolder. Required. It may be empty at first.
	Root string

	// BindHost is the address that listeners bind; empty means all.
	BindHost string
	// BindPorts replaces the port that a listener binds, by the listener's
	// name; 0 means any free port. Listeners that share a port in the
	// configuration share the replacement of whichever of them has one. For
	// runs outside a pod.
	BindPorts map[string]int32
	// AdminAddress serves /healthz, /readyz, /metrics and /report; empty means
	// nowhere.
	AdminAddress string
	// ControlAddress serves what only the pod itself may see. It must be a
	// loopback address; empty means nowhere.
	ControlAddress string
	// AllowLoopback lets backends be on loopback addresses. For runs outside a
	// pod; in a pod these lead to the pod itself.
	AllowLoopback bool

	// DrainWindow is the time over which connections are closed when the
	// gateway stops or their route goes away. 0 means
	// contract.DefaultDrainWindow.
	DrainWindow time.Duration
	// AcceptAfterStop is the time for which newcomers are still accepted after
	// the context was done. 0 means DefaultAcceptAfterStop; negative means none.
	AcceptAfterStop time.Duration
	// PollInterval is the time between two looks at the files that no
	// notification asked for. 0 means ten seconds.
	PollInterval time.Duration

	// Gateway, PodName and PodUID are what reports and audit records say of
	// this process. A Gateway that is not empty must be the configuration's.
	Gateway contract.GatewayRef
	PodName string
	PodUID  string
	// Version is the release that metrics, traces and the control port name.
	Version string

	// Audit receives the audit records, one JSON line each. Required.
	Audit io.Writer
	// AuditFolder is where the sink file of the configuration writes; empty means
	// that it cannot.
	AuditFolder string
	// Logger receives everything else. nil means silence.
	Logger *slog.Logger
	// Now is the clock. nil means the system's.
	Now func() time.Time
	// Wait is what closings that are spread over a time wait for their turn
	// with; see session.Options. nil means a timer.
	Wait func(ctx context.Context, d time.Duration) error
	// OnReady, if not nil, is called once, from a goroutine of Run, when a
	// configuration is in force and all of its listeners accept: with the bound
	// address of each listener by name, and with those of the admin and the
	// control port under AdminName and ControlName.
	OnReady func(addresses map[string]string)

	// prepared, if not nil, is shown the gateway before it begins: benchmarks take
	// its monitors away. No other package can set it.
	prepared func(*server)
}

// Names of the ports of the gateway itself among the addresses of OnReady. The
// names of listeners cannot hold a colon.
const (
	AdminName   = ":admin"
	ControlName = ":control"
)
