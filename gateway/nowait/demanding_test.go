// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait_test

import (
	"crypto/tls"
	"errors"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
)

// crypto/tls counts requests for new keys only between two records with data.
func TestAPeerThatAsksForNewKeysAgainAndAgainIsRefused(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			const requests = 200
			c := newCouple(t, k)
			f := newForger(t, c)
			for range requests {
				c.exchange.In = append(append(c.exchange.In, f.keyUpdate(t)...), f.data(t, []byte("x"))...)
			}
			got, err := c.exchange.Decrypt(c.server, make([]byte, 0, 64<<10))
			if !errors.Is(err, nowait.ErrDemanding) {
				t.Errorf("%v", err)
			}
			if len(got) == 0 || len(got) > requests/2 || len(c.exchange.Out) > 2*nowait.MaxAnswers {
				t.Errorf("%d bytes were read, %d written", len(got), len(c.exchange.Out))
			}
		})
	}
}
