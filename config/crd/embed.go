// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package crd carries the generated CustomResourceDefinitions in programs that
// check manifests without an API server, so that there is one set of rules.
package crd

import "embed"

//go:embed bases/*.yaml
var bases embed.FS

// Gateway is the definition of WebSocketGateway in YAML.
func Gateway() ([]byte, error) {
	return bases.ReadFile("bases/wsgateway.dev_websocketgateways.yaml")
}

// Route is the definition of WebSocketRoute in YAML.
func Route() ([]byte, error) {
	return bases.ReadFile("bases/wsgateway.dev_websocketroutes.yaml")
}

// Revocation is the definition of WebSocketRevocation in YAML.
func Revocation() ([]byte, error) {
	return bases.ReadFile("bases/wsgateway.dev_websocketrevocations.yaml")
}
