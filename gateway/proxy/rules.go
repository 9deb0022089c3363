// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"fmt"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/frame"
)

// rulesOf are the rules for the frames of both parties.
func rulesOf(limits *contract.EffectiveLimits) (rules [2]frame.Rules) {
	types := limits.MessageTypes
	for x := range rules {
		rules[x] = frame.Rules{
			Masked:       x == fromClient,
			MaxFrame:     uint64(max(limits.MaxFrameBytes, 0)),
			MaxMessage:   uint64(max(limits.MaxMessageBytes, 0)),
			MaxFragments: uint32(max(limits.MaxFragments, 0)),
			NoText:       types != "" && types != contract.OnlyText,
			NoBinary:     types != "" && types != contract.OnlyBinary,
		}
	}
	return rules
}

// detailOf says which rule was broken, and what the limit is.
func detailOf(fault frame.Fault, limits *contract.EffectiveLimits) string {
	switch fault {
	case frame.MessageTooBig:
		return fmt.Sprintf("more than %d bytes", limits.MaxMessageBytes)
	case frame.FrameTooBig:
		return fmt.Sprintf("a frame of more than %d bytes", limits.MaxFrameBytes)
	case frame.TooManyFragments:
		return fmt.Sprintf("a message in more than %d frames", limits.MaxFragments)
	case frame.UnwantedType:
		return fmt.Sprintf("only messages of type %s may pass", limits.MessageTypes)
	default:
		return fault.String()
	}
}
