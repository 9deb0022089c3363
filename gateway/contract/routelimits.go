// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"cmp"
	"fmt"
	"strconv"
	"time"
)

// RouteLimits are limits of the connections of one route, in the units of Limits.
// An absent one is the gateway's.
type RouteLimits struct {
	MaxMessageBytes   *int64       `json:"maxMessageBytes,omitempty"`
	MaxFrameBytes     *int64       `json:"maxFrameBytes,omitempty"`
	MessageTypes      MessageTypes `json:"messageTypes,omitempty"`
	MessagesPerSecond *int32       `json:"messagesPerSecond,omitempty"`
	BytesPerSecond    *int32       `json:"bytesPerSecond,omitempty"`
	IdleTimeout       *Duration    `json:"idleTimeout,omitempty"`
	MaxConnectionAge  *Duration    `json:"maxConnectionAge,omitempty"`
}

// Within returns the limits of a gateway, tightened by those of a route: nothing of
// it is looser than the gateway's, whatever r says. r may be nil.
func (r *RouteLimits) Within(gateway EffectiveLimits) EffectiveLimits {
	if r == nil {
		return gateway
	}
	gateway.MaxMessageBytes = tighter(gateway.MaxMessageBytes, or(r.MaxMessageBytes, 0))
	gateway.MaxFrameBytes = tighter(gateway.MaxFrameBytes, or(r.MaxFrameBytes, 0))
	gateway.MessageTypes = common(gateway.MessageTypes, r.MessageTypes)
	gateway.MessagesPerSecond = tighter(gateway.MessagesPerSecond, or(r.MessagesPerSecond, 0))
	gateway.BytesPerSecond = tighter(gateway.BytesPerSecond, or(r.BytesPerSecond, 0))
	gateway.IdleTimeout = tighter(gateway.IdleTimeout, time.Duration(or(r.IdleTimeout, 0)))
	gateway.MaxConnectionAge = tighter(gateway.MaxConnectionAge, time.Duration(or(r.MaxConnectionAge, 0)))
	return gateway
}

// Overruled are the limits of a gateway that are in force although r has some of
// their names: those that are tighter, as the API writes them. r may be nil.
func (r *RouteLimits) Overruled(gateway EffectiveLimits) []string {
	if r == nil {
		return nil
	}
	var list []string
	for _, limit := range []struct {
		name           string
		gateway, route int64
		text           string
	}{
		{"maxMessageBytes", gateway.MaxMessageBytes, or(r.MaxMessageBytes, 0), ""},
		{"maxFrameBytes", gateway.MaxFrameBytes, or(r.MaxFrameBytes, 0), ""},
		{"messagesPerSecond", int64(gateway.MessagesPerSecond), int64(or(r.MessagesPerSecond, 0)), ""},
		{"bytesPerSecond", int64(gateway.BytesPerSecond), int64(or(r.BytesPerSecond, 0)), ""},
		{"idleTimeout", int64(gateway.IdleTimeout), int64(or(r.IdleTimeout, 0)), gateway.IdleTimeout.String()},
		{"maxConnectionAge", int64(gateway.MaxConnectionAge), int64(or(r.MaxConnectionAge, 0)), gateway.MaxConnectionAge.String()},
	} {
		if limit.gateway > 0 && limit.route > limit.gateway {
			list = append(list, limit.name+" "+cmp.Or(limit.text, strconv.FormatInt(limit.gateway, 10)))
		}
	}
	return list
}

// tighter is the smaller of two limits, of which 0 and less are none.
func tighter[T int32 | int64 | time.Duration](gateway, route T) T {
	if route <= 0 || (gateway > 0 && gateway <= route) {
		return gateway
	}
	return route
}

// common are the types that both let pass.
func common(gateway, route MessageTypes) MessageTypes {
	switch {
	case route == "" || route == gateway:
		return gateway
	case gateway == "":
		return route
	}
	return NoMessages
}

// validate refuses a limit of nothing, which would be none further on.
func (r *RouteLimits) validate() error {
	if r == nil {
		return nil
	}
	if err := r.MessageTypes.validate(); err != nil {
		return err
	}
	for _, field := range []struct {
		name    string
		nothing bool
	}{
		{"maxMessageBytes", or(r.MaxMessageBytes, 1) < 1},
		{"maxFrameBytes", or(r.MaxFrameBytes, 1) < 1},
		{"messagesPerSecond", or(r.MessagesPerSecond, 1) < 1},
		{"bytesPerSecond", or(r.BytesPerSecond, 1) < 1},
		{"idleTimeout", or(r.IdleTimeout, 1) < 1},
		{"maxConnectionAge", or(r.MaxConnectionAge, 1) < 1},
	} {
		if field.nothing {
			return fmt.Errorf("limits: %s is not above zero: leave it out for the gateway's", field.name)
		}
	}
	return nil
}
