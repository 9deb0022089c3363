// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"time"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// describeLimits are limits as the status has them.
func describeLimits(effective *contract.EffectiveLimits) *wsv1alpha1.EffectiveLimits {
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
