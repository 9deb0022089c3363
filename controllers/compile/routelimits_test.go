// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package compile_test

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Whatever two sets of limits say, no limit of a connection is looser than that of
// its gateway, whether a route is the gateway's own or attached; and those of a route
// are kept as well.
func TestNoRouteLoosensALimit(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	tightened := map[string]int{}
	for range 200 {
		gw := sharedGateway(t)
		gw.Spec.Limits = &wsv1alpha1.Limits{}
		arbitrary(random, gw.Spec.Limits)
		route := attached("team-a", "chat", 1, []string{"chat.example.com"}, "/")
		wanted := &wsv1alpha1.RouteLimits{}
		arbitrary(random, wanted)
		route.Spec.Rules[0].Limits, gw.Spec.Routes[0].Limits = wanted, wanted
		result := compile.Config(gw, refsOf(route), nil)
		if result.Blocked() {
			continue // the types of messages have nothing in common
		}
		config, err := contract.ParseConfig(result.File)
		if err != nil {
			t.Fatal(err)
		}
		gateway, loose := config.Limits.WithDefaults(), (&contract.RouteLimits{}).Within(contract.EffectiveLimits{})
		if len(config.Routes) != 2 {
			t.Fatalf("%d routes are left of 2", len(config.Routes))
		}
		for i := range config.Routes {
			inForce := config.Routes[i].Limits.Within(gateway)
			compareLimits(t, "the gateway", inForce, gateway, tightened)
			compareLimits(t, "the route", inForce, config.Routes[i].Limits.Within(loose), nil)
		}
	}
	for _, field := range []string{
		"MaxMessageBytes", "MaxFrameBytes", "MessageTypes", "MessagesPerSecond", "BytesPerSecond", "IdleTimeout", "MaxConnectionAge",
	} {
		if tightened[field] == 0 {
			t.Errorf("no route of all has tightened %s: these limits show nothing", field)
		}
		delete(tightened, field)
	}
	if len(tightened) > 0 {
		t.Errorf("routes have tightened what they have no field for: %v", tightened)
	}
}

// compareLimits fails for a limit in force that is looser than another, and counts
// those that are tighter.
func compareLimits(t *testing.T, whose string, inForce, than contract.EffectiveLimits, tightened map[string]int) {
	t.Helper()
	a, b := reflect.ValueOf(inForce), reflect.ValueOf(than)
	for i := range a.NumField() {
		if a.Field(i).Equal(b.Field(i)) {
			continue
		}
		name := a.Type().Field(i).Name
		// To numbers 0 is no limit, to types of messages the empty name.
		if !b.Field(i).IsZero() && (a.Field(i).IsZero() || !a.Field(i).CanInt() || a.Field(i).Int() > b.Field(i).Int()) {
			t.Errorf("%s is %v, looser than the %v of %s", name, a.Field(i), b.Field(i), whose)
		}
		if tightened != nil {
			tightened[name]++
		}
	}
}

// arbitrary sets about half of the fields of limits, in the bounds of the API.
func arbitrary(random *rand.Rand, limits any) {
	fields := reflect.ValueOf(limits).Elem()
	for _, value := range fields.Fields() {
		if random.IntN(2) == 0 {
			continue
		}
		switch field := value.Addr().Interface().(type) {
		case **int32:
			*field = new(4096 + random.Int32N(5))
		case **int64:
			*field = new([]int64{1, 4096, contract.DefaultMaxMessageBytes, contract.DefaultMaxMessageBytes + 1, 1 << 30}[random.IntN(5)])
		case **metav1.Duration:
			*field = &metav1.Duration{Duration: []time.Duration{time.Minute, contract.DefaultIdleTimeout, time.Hour}[random.IntN(3)]}
		case *wsv1alpha1.MessageTypes:
			*field = []wsv1alpha1.MessageTypes{wsv1alpha1.MessageTypesAll, wsv1alpha1.MessageTypesText, wsv1alpha1.MessageTypesBinary}[random.IntN(3)]
		}
	}
}
