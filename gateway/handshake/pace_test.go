// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/handshake"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// The order of the steps is what keeps a flood cheap.
func TestRatesAndWaitsHaveTheirPlaceInTheOrder(t *testing.T) {
	t.Parallel()
	tooFast := func() error { return outcome.Refuse(outcome.RateOfPod, "") }
	tooOften := func() error { return outcome.Refuse(outcome.TooManyFailures, "") }
	keys := []contract.Method{{APIKey: &contract.APIKey{}}}
	everybody := []contract.Method{{Anonymous: &contract.Anonymous{}}}
	for name, test := range map[string]struct {
		scene        scene
		paced, waits func() error
		methods      []contract.Method
		field        string
		want         outcome.Reason
	}{
		"draining comes before the rate":              {scene: scene{draining: true}, paced: tooFast, want: outcome.Draining},
		"the rate comes before the WebSocket is":      {paced: tooFast, waits: tooOften, methods: keys, field: "Upgrade: h2c", want: outcome.RateOfPod},
		"the origin comes before the wait":            {waits: tooOften, methods: keys, field: "Origin: https://evil.example", want: outcome.OriginNotAllowed},
		"the wait comes before the credential":        {waits: tooOften, methods: keys, want: outcome.TooManyFailures},
		"the wait is for one of several methods":      {waits: tooOften, methods: append(keys, everybody...), want: outcome.TooManyFailures},
		"nobody waits where nothing can be tried":     {waits: tooOften, methods: everybody},
		"neither says no":                             {paced: func() error { return nil }, waits: func() error { return nil }, methods: keys},
		"neither is asked where there is no such one": {methods: keys},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene()
			s.draining, s.paced, s.waits, s.methods = test.scene.draining, test.paced, test.waits, test.methods
			var fields []string
			if test.field != "" {
				fields = append(fields, test.field)
			}
			_, err := s.admit(t, fields...)
			if reason(err) != test.want {
				t.Errorf("%v, want %q", err, test.want)
			}
			if test.want != "" && s.policy.calls+len(s.backend.asked) > 0 {
				t.Error("it went on after the refusal")
			}
		})
	}
}

func TestRetryAfterIsAtLeastTheWaitAndAtMostTwiceThat(t *testing.T) {
	t.Parallel()
	got := map[string][]int{}
	for _, wait := range []time.Duration{0, time.Millisecond, 1500 * time.Millisecond, time.Minute} {
		for _, spread := range []float64{0, 0.5, 0.999999} {
			refusal := outcome.Refuse(outcome.TooManyFailures, "")
			refusal.Wait = wait
			response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(string(handshake.Refuse(refusal, spread)))), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			seconds, err := strconv.Atoi(response.Header.Get("Retry-After"))
			if err != nil || response.StatusCode != http.StatusTooManyRequests {
				t.Fatalf("status %d, %v", response.StatusCode, err)
			}
			got[wait.String()] = append(got[wait.String()], seconds)
		}
	}
	want := map[string][]int{"0s": {5, 8, 10}, "1ms": {1, 2, 2}, "1.5s": {2, 3, 4}, "1m0s": {60, 90, 120}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
