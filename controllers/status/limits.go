// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// limits are those in force, as far as the spec says.
func (p *pass) limits() *wsv1alpha1.EffectiveLimits {
	effective := wantedLimits(p.gw.Spec.Limits).WithDefaults()
	return &wsv1alpha1.EffectiveLimits{
		MaxConnections: effective.MaxConnections,

		MaxConnectionsPerIdentity: effective.MaxConnectionsPerIdentity,
		MaxConnectionsPerAddress:  effective.MaxConnectionsPerAddress,

		HandshakesPerSecond:           effective.HandshakesPerSecond,
		HandshakesPerSecondPerAddress: effective.HandshakesPerSecondPerAddress,

		MaxFrameBytes: effective.MaxFrameBytes,
		MaxFragments:  effective.MaxFragments,
		MessageTypes:  string(effective.MessageTypes),

		MessagesPerSecond:      effective.MessagesPerSecond,
		ControlFramesPerSecond: effective.ControlFramesPerSecond,
		BytesPerSecond:         effective.BytesPerSecond,
		FrameTimeout:           effective.FrameTimeout.String(),

		MaxMessageBytes:    effective.MaxMessageBytes,
		RequestHeaderBytes: effective.RequestHeaderBytes,
		HandshakeTimeout:   effective.HandshakeTimeout.String(),
		IdleTimeout:        effective.IdleTimeout.String(),
		PingInterval:       effective.PingInterval.String(),
		PongTimeout:        effective.PongTimeout.String(),
		BackendPongTimeout: effective.BackendPongTimeout.String(),
		WriteTimeout:       effective.WriteTimeout.String(),
		MaxConnectionAge:   unlessZero(effective.MaxConnectionAge),
	}
}

// unlessZero is empty for no limit.
func unlessZero(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

func wantedLimits(l *wsv1alpha1.Limits) *contract.Limits {
	if l == nil {
		return nil
	}
	return &contract.Limits{
		MaxConnections: l.MaxConnections,

		MaxConnectionsPerIdentity: l.MaxConnectionsPerIdentity,
		MaxConnectionsPerAddress:  l.MaxConnectionsPerAddress,

		HandshakesPerSecond:           l.HandshakesPerSecond,
		HandshakesPerSecondPerAddress: l.HandshakesPerSecondPerAddress,

		MaxFrameBytes: l.MaxFrameBytes,
		MaxFragments:  l.MaxFragments,
		MessageTypes:  contract.MessageTypes(l.MessageTypes),

		MessagesPerSecond:      l.MessagesPerSecond,
		ControlFramesPerSecond: l.ControlFramesPerSecond,
		BytesPerSecond:         l.BytesPerSecond,
		FrameTimeout:           duration(l.FrameTimeout),

		MaxMessageBytes:    l.MaxMessageBytes,
		RequestHeaderBytes: l.RequestHeaderBytes,
		HandshakeTimeout:   duration(l.HandshakeTimeout),
		IdleTimeout:        duration(l.IdleTimeout),
		PingInterval:       duration(l.PingInterval),
		PongTimeout:        duration(l.PongTimeout),
		BackendPongTimeout: duration(l.BackendPongTimeout),
		WriteTimeout:       duration(l.WriteTimeout),
		MaxConnectionAge:   duration(l.MaxConnectionAge),
	}
}
