// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestWhatAConnectionHasInCommonWithOthers(t *testing.T) {
	t.Parallel()
	by := func(key contract.HashKey) *contract.LoadBalancing {
		return &contract.LoadBalancing{Policy: contract.BalanceConsistentHash, Hash: &contract.Hash{By: key}}
	}
	room := by(contract.HashHeader)
	room.Hash.Header, room.Hash.MaxLoadPercent = "X-Room", new(int32(200))
	for name, test := range map[string]struct {
		balancing *contract.LoadBalancing
		client    string
		fields    []string
		policy    contract.BalancingPolicy
		key       string
		percent   int32
	}{
		"nothing":                      {},
		"nothing, in turn":             {balancing: &contract.LoadBalancing{Policy: contract.BalanceRoundRobin}, policy: contract.BalanceRoundRobin},
		"the caller":                   {balancing: by(contract.HashIdentity), fields: []string{"Sec-WebSocket-Protocol: ann"}, policy: contract.BalanceConsistentHash, key: "\x00ann", percent: 125},
		"a caller without a subject":   {balancing: by(contract.HashIdentity), policy: contract.BalanceConsistentHash, percent: 125},
		"the path":                     {balancing: by(contract.HashPath), policy: contract.BalanceConsistentHash, key: "/chat/room", percent: 125},
		"the address":                  {balancing: by(contract.HashClientAddress), policy: contract.BalanceConsistentHash, key: "198.51.100.7", percent: 125},
		"an address in IPv6":           {balancing: by(contract.HashClientAddress), client: "2001:db8:1:2:3:4:5:6", policy: contract.BalanceConsistentHash, key: "2001:db8:1:2::/64", percent: 125},
		"an address of IPv4 in IPv6":   {balancing: by(contract.HashClientAddress), client: "::ffff:198.51.100.9", policy: contract.BalanceConsistentHash, key: "198.51.100.9", percent: 125},
		"a header":                     {balancing: room, fields: []string{"x-room: 7"}, policy: contract.BalanceConsistentHash, key: "7", percent: 200},
		"a header that is not there":   {balancing: room, policy: contract.BalanceConsistentHash, percent: 200},
		"a header that is there twice": {balancing: room, fields: []string{"X-Room: 7", "X-Room: 8"}, policy: contract.BalanceConsistentHash, percent: 200},
	} {
		s := newScene()
		s.route.LoadBalancing, s.client = test.balancing, test.client
		if _, err := s.admit(t, test.fields...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := &s.backend.choice; got.Balance != test.policy || got.Key != test.key || got.MaxLoadPercent != test.percent {
			t.Errorf("%s: %q, key %q, %d percent", name, got.Balance, got.Key, got.MaxLoadPercent)
		}
	}
}

func TestACallerOfADryRunWhoHasProvenNothingBelongsToNobody(t *testing.T) {
	t.Parallel()
	s := newScene()
	s.dryRun, s.policy.err = true, outcome.Refuse(outcome.BadCredential, "expired")
	s.route.LoadBalancing = &contract.LoadBalancing{Policy: contract.BalanceConsistentHash, Hash: &contract.Hash{By: contract.HashIdentity}}
	if _, err := s.admit(t); err != nil {
		t.Fatal(err)
	}
	if s.backend.choice.Key != "" {
		t.Errorf("key %q", s.backend.choice.Key)
	}
}
