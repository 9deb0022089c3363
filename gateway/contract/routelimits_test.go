// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// some are limits of a gateway, times as high those of a route.
func some(times int64) contract.RouteLimits {
	return contract.RouteLimits{
		MaxMessageBytes: new(1000 * times / 2), MaxFrameBytes: new(100 * times / 2),
		MessagesPerSecond: new(int32(10 * times / 2)), BytesPerSecond: new(int32(5000 * times / 2)),
		IdleTimeout: new(contract.Duration(time.Duration(times) * time.Minute / 2)), MaxConnectionAge: new(contract.Duration(time.Duration(times) * time.Hour / 2)),
	}
}

func TestOfTwoLimitsTheTighterIsInForce(t *testing.T) {
	t.Parallel()
	limited := contract.EffectiveLimits{
		MaxConnections: 9, PongTimeout: time.Second, MaxFragments: 7,
		MaxMessageBytes: 1000, MaxFrameBytes: 100, MessagesPerSecond: 10, BytesPerSecond: 5000, IdleTimeout: time.Minute, MaxConnectionAge: time.Hour,
	}
	half := contract.EffectiveLimits{
		MaxConnections: 9, PongTimeout: time.Second, MaxFragments: 7,
		MaxMessageBytes: 500, MaxFrameBytes: 50, MessagesPerSecond: 5, BytesPerSecond: 2500, IdleTimeout: 30 * time.Second, MaxConnectionAge: 30 * time.Minute,
	}
	twice := contract.EffectiveLimits{
		MaxMessageBytes: 2000, MaxFrameBytes: 200, MessagesPerSecond: 20, BytesPerSecond: 10_000, IdleTimeout: 2 * time.Minute, MaxConnectionAge: 2 * time.Hour,
	}
	nothing := contract.RouteLimits{
		MaxMessageBytes: new(int64(0)), MaxFrameBytes: new(int64(-1)), MessagesPerSecond: new(int32(0)), BytesPerSecond: new(int32(-1)),
		IdleTimeout: new(contract.Duration(0)), MaxConnectionAge: new(contract.Duration(-1)),
	}
	all := []string{
		"maxMessageBytes 1000", "maxFrameBytes 100", "messagesPerSecond 10", "bytesPerSecond 5000", "idleTimeout 1m0s", "maxConnectionAge 1h0m0s",
	}
	tests := map[string]struct {
		route         *contract.RouteLimits
		gateway, want contract.EffectiveLimits
		overruled     []string
	}{
		"a route without limits":                           {nil, limited, limited, nil},
		"a route with none of them":                        {&contract.RouteLimits{}, limited, limited, nil},
		"a tighter route":                                  {new(some(1)), limited, half, nil},
		"an equal route":                                   {new(some(2)), limited, limited, nil},
		"a looser route":                                   {new(some(4)), limited, limited, all},
		"any route where the gateway has no limit":         {new(some(4)), contract.EffectiveLimits{}, twice, nil},
		"limits of nothing, which no reader lets get here": {&nothing, limited, limited, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, test.route.Within(test.gateway)); diff != "" {
				t.Errorf("in force (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.overruled, test.route.Overruled(test.gateway)); diff != "" {
				t.Errorf("overruled (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyTypesThatBothLetPassMayPass(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ gateway, route, want contract.MessageTypes }{
		{"", "", ""},
		{"", contract.OnlyText, contract.OnlyText},
		{contract.OnlyText, "", contract.OnlyText},
		{contract.OnlyText, contract.OnlyText, contract.OnlyText},
		{contract.OnlyBinary, contract.OnlyBinary, contract.OnlyBinary},
		{contract.OnlyText, contract.OnlyBinary, contract.NoMessages},
		{contract.OnlyBinary, contract.OnlyText, contract.NoMessages},
	} {
		route := &contract.RouteLimits{MessageTypes: test.route}
		if got := route.Within(contract.EffectiveLimits{MessageTypes: test.gateway}).MessageTypes; got != test.want {
			t.Errorf("gateway %q and route %q: %q, want %q", test.gateway, test.route, got, test.want)
		}
	}
}

func TestARouteWithALimitOfNothingIsRefused(t *testing.T) {
	t.Parallel()
	for name, limits := range map[string]contract.RouteLimits{
		"maxMessageBytes":   {MaxMessageBytes: new(int64(0))},
		"maxFrameBytes":     {MaxFrameBytes: new(int64(0))},
		"messagesPerSecond": {MessagesPerSecond: new(int32(0))},
		"bytesPerSecond":    {BytesPerSecond: new(int32(-1))},
		"idleTimeout":       {IdleTimeout: new(contract.Duration(0))},
		"maxConnectionAge":  {MaxConnectionAge: new(contract.Duration(-time.Second))},
		"messageTypes":      {MessageTypes: contract.NoMessages},
	} {
		config := fullConfig()
		config.Routes[0].Limits = &limits
		if _, err := contract.ParseConfig(encode(t, config)); err == nil {
			t.Errorf("%s of nothing is accepted", name)
		}
	}
}
