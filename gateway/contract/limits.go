// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Limits bound what clients may use. Absent fields mean the defaults of
// WithDefaults.
type Limits struct {
	// MaxConnections absent means DefaultMaxConnections or half of the limit of
	// open files, whichever is less: only the pod knows.
	MaxConnections  *int32 `json:"maxConnections,omitempty"`
	MaxMessageBytes *int64 `json:"maxMessageBytes,omitempty"`
	// MaxFrameBytes absent means that only MaxMessageBytes counts.
	MaxFrameBytes *int64 `json:"maxFrameBytes,omitempty"`
	// MaxFragments absent means as many as MaxMessageBytes and spareFragments.
	MaxFragments *int32 `json:"maxFragments,omitempty"`
	// MessageTypes absent means all.
	MessageTypes MessageTypes `json:"messageTypes,omitempty"`

	// Absent means no limit.
	MaxConnectionsPerIdentity *int32 `json:"maxConnectionsPerIdentity,omitempty"`
	MaxConnectionsPerAddress  *int32 `json:"maxConnectionsPerAddress,omitempty"`

	// Absent means no limit.
	HandshakesPerSecond           *int32 `json:"handshakesPerSecond,omitempty"`
	HandshakesPerSecondPerAddress *int32 `json:"handshakesPerSecondPerAddress,omitempty"`

	// Absent means no limit.
	MessagesPerSecond *int32 `json:"messagesPerSecond,omitempty"`
	BytesPerSecond    *int32 `json:"bytesPerSecond,omitempty"`

	ControlFramesPerSecond *int32    `json:"controlFramesPerSecond,omitempty"`
	FrameTimeout           *Duration `json:"frameTimeout,omitempty"`

	RequestHeaderBytes *int32    `json:"requestHeaderBytes,omitempty"`
	HandshakeTimeout   *Duration `json:"handshakeTimeout,omitempty"`
	IdleTimeout        *Duration `json:"idleTimeout,omitempty"`
	PingInterval       *Duration `json:"pingInterval,omitempty"`
	PongTimeout        *Duration `json:"pongTimeout,omitempty"`
	BackendPongTimeout *Duration `json:"backendPongTimeout,omitempty"`
	WriteTimeout       *Duration `json:"writeTimeout,omitempty"`
	// MaxConnectionAge absent means that connections may become as old as they
	// like.
	MaxConnectionAge *Duration `json:"maxConnectionAge,omitempty"`
}

// spareFragments is how many more data frames than bytes a message may have: one
// of single-byte fragments passes, an endless row of empty ones does not.
const spareFragments = 10_000

// MessageTypes are the types of messages that may pass. The zero value means all.
type MessageTypes string

// The message types, when not all may pass.
const (
	OnlyText   MessageTypes = "Text"
	OnlyBinary MessageTypes = "Binary"
	// NoMessages is what a gateway and a route let pass that have no type in common.
	// Only EffectiveLimits have it.
	NoMessages MessageTypes = "None"
)

func (t MessageTypes) validate() error {
	if t != "" && t != OnlyText && t != OnlyBinary {
		return fmt.Errorf("limits: message types %q are neither Text nor Binary: update the pods, or leave them out for all", t)
	}
	return nil
}

// EffectiveLimits are Limits with nothing left open but MaxConnections, which
// is 0 where the pod has to decide.
type EffectiveLimits struct {
	MaxConnections int32
	// 0 is no limit.
	MaxConnectionsPerIdentity int32
	MaxConnectionsPerAddress  int32

	HandshakesPerSecond           int32
	HandshakesPerSecondPerAddress int32

	MaxMessageBytes int64
	// MaxFrameBytes and MaxFragments are without limit at 0.
	MaxFrameBytes int64
	MaxFragments  int32
	MessageTypes  MessageTypes

	// 0 is no limit.
	MessagesPerSecond      int32
	ControlFramesPerSecond int32
	BytesPerSecond         int32
	// FrameTimeout is without limit at 0.
	FrameTimeout time.Duration

	RequestHeaderBytes int32
	HandshakeTimeout   time.Duration
	IdleTimeout        time.Duration
	PingInterval       time.Duration
	PongTimeout        time.Duration
	// BackendPongTimeout is 0 where backends are not pinged.
	BackendPongTimeout time.Duration
	WriteTimeout       time.Duration
	// MaxConnectionAge is without limit at 0.
	MaxConnectionAge time.Duration
}

// WithDefaults returns the limits in force. l may be nil.
func (l *Limits) WithDefaults() EffectiveLimits {
	if l == nil {
		l = &Limits{}
	}
	largest := or(l.MaxMessageBytes, DefaultMaxMessageBytes)
	return EffectiveLimits{
		MaxConnections: or(l.MaxConnections, 0),

		MaxConnectionsPerIdentity: or(l.MaxConnectionsPerIdentity, 0),
		MaxConnectionsPerAddress:  or(l.MaxConnectionsPerAddress, 0),

		HandshakesPerSecond:           or(l.HandshakesPerSecond, 0),
		HandshakesPerSecondPerAddress: or(l.HandshakesPerSecondPerAddress, 0),

		MaxMessageBytes: largest,
		MaxFrameBytes:   or(l.MaxFrameBytes, 0),
		MaxFragments:    or(l.MaxFragments, int32(min(largest+spareFragments, math.MaxInt32))), //nolint:gosec // is not above MaxInt32
		MessageTypes:    l.MessageTypes,

		MessagesPerSecond:      or(l.MessagesPerSecond, 0),
		ControlFramesPerSecond: or(l.ControlFramesPerSecond, DefaultControlFramesPerSecond),
		BytesPerSecond:         or(l.BytesPerSecond, 0),
		FrameTimeout:           time.Duration(or(l.FrameTimeout, Duration(DefaultFrameTimeout))),

		RequestHeaderBytes: or(l.RequestHeaderBytes, DefaultRequestHeaderBytes),
		HandshakeTimeout:   time.Duration(or(l.HandshakeTimeout, Duration(DefaultHandshakeTimeout))),
		IdleTimeout:        time.Duration(or(l.IdleTimeout, Duration(DefaultIdleTimeout))),
		PingInterval:       time.Duration(or(l.PingInterval, Duration(DefaultPingInterval))),
		PongTimeout:        time.Duration(or(l.PongTimeout, Duration(DefaultPongTimeout))),
		BackendPongTimeout: time.Duration(or(l.BackendPongTimeout, Duration(DefaultBackendPongTimeout))),
		WriteTimeout:       time.Duration(or(l.WriteTimeout, Duration(DefaultWriteTimeout))),
		MaxConnectionAge:   time.Duration(or(l.MaxConnectionAge, 0)),
	}
}

// validate refuses a rate of nothing: whoever wrote it meant something else than
// no limit, which is what 0 means further on.
func (l *Limits) validate() error {
	if l == nil {
		return nil
	}
	if err := l.MessageTypes.validate(); err != nil {
		return err
	}
	if l.MaxFrameBytes != nil && *l.MaxFrameBytes < 1 || l.MaxFragments != nil && *l.MaxFragments < 1 {
		return errors.New("limits: frames of no bytes or messages of no frames: maxFrameBytes and maxFragments are at least 1, or absent")
	}
	for _, rate := range []struct {
		name      string
		perSecond *int32
	}{
		{"handshakesPerSecond", l.HandshakesPerSecond},
		{"handshakesPerSecondPerAddress", l.HandshakesPerSecondPerAddress},
		{"messagesPerSecond", l.MessagesPerSecond},
		{"controlFramesPerSecond", l.ControlFramesPerSecond},
		{"bytesPerSecond", l.BytesPerSecond},
	} {
		if rate.perSecond != nil && *rate.perSecond < 1 {
			return fmt.Errorf("limits: %s is %d: a rate is at least 1, or absent", rate.name, *rate.perSecond)
		}
	}
	return nil
}
