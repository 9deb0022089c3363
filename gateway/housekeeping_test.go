// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"slices"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
)

func TestMemoryIsLookedAfterWhenMuchHasHappenedAndItIsCalmAgain(t *testing.T) {
	for name, test := range map[string]struct {
		// seconds has what happened in each, tidied those in which it was due.
		seconds, tidied []uint64
	}{
		"nothing happens":                     {[]uint64{0, 0, 0}, nil},
		"little happens":                      {[]uint64{400, 0, 0, 0}, nil},
		"a storm that is over":                {[]uint64{3000, 2000, 40, 0, 0}, []uint64{2}},
		"a storm that goes on":                {[]uint64{900, 800, 700, 900}, nil},
		"a little all the time":               {slices.Repeat([]uint64{50}, 22), []uint64{9, 19}},
		"two storms":                          {[]uint64{600, 0, 600, 0, 0}, []uint64{1, 3}},
		"just what is enough, and just calm":  {[]uint64{450, 50, 0}, []uint64{1}},
		"what came before counts only once":   {[]uint64{600, 0, 300, 0, 200, 0}, []uint64{1, 5}},
		"a storm that never quite calms down": {[]uint64{600, 51, 51, 51}, nil},
	} {
		var due []uint64
		for i, second := range gateway.Housekeeping(test.seconds) {
			if second {
				due = append(due, uint64(i))
			}
		}
		if !slices.Equal(due, test.tidied) {
			t.Errorf("%s: due in the seconds %v, want %v", name, due, test.tidied)
		}
	}
}
