// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

// Endpoints says where each backend of a Config can be dialled now. It follows
// from EndpointSlices, changes often, and is therefore a file of its own: it
// never makes a gateway look unprogrammed.
type Endpoints struct {
	Version  int                         `json:"version"`
	Backends map[string]BackendEndpoints `json:"backends,omitempty"`
}

// BackendEndpoints are the addresses of one Service port.
type BackendEndpoints struct {
	// Addresses are HOST:PORT of the ready endpoints, sorted. Terminating ones
	// are left out: they keep what they have and get nothing new.
	Addresses []string `json:"addresses,omitempty"`
	// Service is CLUSTER-IP:PORT, dialled when every address fails, so that a
	// gateway whose operator is away is not stranded. Empty for headless
	// Services.
	Service string `json:"service,omitempty"`
}
