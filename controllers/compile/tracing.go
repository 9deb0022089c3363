// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"strconv"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

const tracingField = "spec.tracing"

// tracing goes on when the collector's Service is missing: spans are lost then, and
// nothing else.
func (c *compiler) tracing(spec *wsv1alpha1.Tracing) *contract.Tracing {
	if spec == nil {
		return nil
	}
	collector := c.otlp(tracingField+".otlp", &spec.OTLP, c.lastTraced())
	if collector == nil {
		return nil
	}
	tracing := &contract.Tracing{
		OTLP: *collector, ContinueClients: spec.ClientContext == wsv1alpha1.TraceContextContinue,
	}
	if spec.SamplingRatio == "" {
		return tracing
	}
	ratio, err := strconv.ParseFloat(spec.SamplingRatio, 64)
	if err != nil || !(ratio >= 0 && ratio <= 1) {
		c.invalid(tracingField+".samplingRatio", "%q is no share: write a number from \"0\" to \"1\"", spec.SamplingRatio)
		return tracing
	}
	tracing.Ratio = unlessDefault(&ratio, contract.DefaultTracingRatio)
	return tracing
}

// lastTraced is the collector that is in force.
func (c *compiler) lastTraced() *contract.OTLP {
	if c.previous == nil || c.previous.Tracing == nil {
		return nil
	}
	return &c.previous.Tracing.OTLP
}
