// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile

import (
	"net/textproto"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// loadBalancing is nil for what pods do anyway.
func loadBalancing(spec *wsv1alpha1.LoadBalancing) *contract.LoadBalancing {
	switch {
	case spec == nil:
		return nil
	case spec.Policy == wsv1alpha1.LoadBalancingRoundRobin:
		return &contract.LoadBalancing{Policy: contract.BalanceRoundRobin}
	case spec.Policy != wsv1alpha1.LoadBalancingConsistentHash || spec.ConsistentHash == nil:
		return nil
	}
	hash := spec.ConsistentHash
	return &contract.LoadBalancing{Policy: contract.BalanceConsistentHash, Hash: &contract.Hash{
		By: hashKey(hash.Type), Header: textproto.CanonicalMIMEHeaderKey(hash.Header),
		MaxLoadPercent: unlessDefault(hash.MaxLoadPercent, contract.DefaultMaxLoadPercent),
	}}
}

func hashKey(from wsv1alpha1.HashKeyType) contract.HashKey {
	switch from {
	case wsv1alpha1.HashKeyClientAddress:
		return contract.HashClientAddress
	case wsv1alpha1.HashKeyPath:
		return contract.HashPath
	case wsv1alpha1.HashKeyHeader:
		return contract.HashHeader
	case wsv1alpha1.HashKeyIdentity:
	}
	return contract.HashIdentity
}
