// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// LoadBalancingPolicy says how an endpoint is chosen.
//
// +kubebuilder:validation:Enum=LeastConnections;RoundRobin;ConsistentHash
type LoadBalancingPolicy string

// The ways to choose an endpoint.
const (
	// LoadBalancingLeastConnections takes the endpoint with the fewest connections.
	LoadBalancingLeastConnections LoadBalancingPolicy = "LeastConnections"
	// LoadBalancingRoundRobin takes one endpoint after the other.
	LoadBalancingRoundRobin LoadBalancingPolicy = "RoundRobin"
	// LoadBalancingConsistentHash takes the same endpoint for the same key.
	LoadBalancingConsistentHash LoadBalancingPolicy = "ConsistentHash"
)

// LoadBalancing says which endpoint a connection goes to.
//
// +kubebuilder:validation:XValidation:rule="has(self.consistentHash) == (self.policy == 'ConsistentHash')",message="consistentHash says what policy: ConsistentHash goes by: set both or neither"
type LoadBalancing struct {
	// policy is LeastConnections, which takes the endpoint with the fewest
	// connections of the gateway's pod; RoundRobin, which takes them in turn; or
	// ConsistentHash, by which every pod sends the same key to the same endpoint.
	// An endpoint that failed a moment ago is left out as long as there are others.
	// +required
	Policy LoadBalancingPolicy `json:"policy"`

	// consistentHash says what the key is.
	// +optional
	ConsistentHash *ConsistentHash `json:"consistentHash,omitempty"`
}

// HashKeyType says what a key is taken from.
//
// +kubebuilder:validation:Enum=Identity;ClientAddress;Path;Header
type HashKeyType string

// What a key may be taken from.
const (
	// HashKeyIdentity is issuer and subject of the caller.
	HashKeyIdentity HashKeyType = "Identity"
	// HashKeyClientAddress is the client's address, of IPv6 its /64 network.
	HashKeyClientAddress HashKeyType = "ClientAddress"
	// HashKeyPath is the path of the request.
	HashKeyPath HashKeyType = "Path"
	// HashKeyHeader is the value of a header.
	HashKeyHeader HashKeyType = "Header"
)

// ConsistentHash says which connections belong together.
//
// +kubebuilder:validation:XValidation:rule="has(self.header) == (self.type == 'Header')",message="header names the header of type: Header: set both or neither"
type ConsistentHash struct {
	// type says what the key is: the caller's Identity (issuer and subject), the
	// ClientAddress (of IPv6 its /64 network), the Path without the query, or a
	// Header. A connection without a key, such as an anonymous caller's or one with
	// the header absent or twice, goes to the endpoint with the fewest connections.
	// +required
	Type HashKeyType `json:"type"`

	// header whose value is the key.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9-]+$`
	Header string `json:"header,omitempty"`

	// maxLoadPercent is how many connections of a pod an endpoint may get, in
	// percent of the mean of its Service's endpoints, before further keys go to the
	// next one; below 32 connections it is never full. Default 125. The highest value
	// keeps a key at its endpoint whatever its load, with up to 100 endpoints.
	// +optional
	// +kubebuilder:validation:Minimum=105
	// +kubebuilder:validation:Maximum=10000
	MaxLoadPercent *int32 `json:"maxLoadPercent,omitempty"`
}
