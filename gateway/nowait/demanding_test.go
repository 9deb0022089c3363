// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait_test

import (
	"crypto/tls"
	"errors"
	"testing"

	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// crypto/tls counts requests for new keys only between two records with data.
func TestAPeerThatAsksForNewKeysAgainAndAgainIsRefused(t *testing.T) {
	for name, k := range kinds(tls.VersionTLS13) {
		t.Run(name, func(t *testing.T) {
			const requests = 200
			c := newCouple(t, k)
			f := wstest.ForgeClient(t, c.client, c.secrets, 0)
			for range requests {
				c.exchange.In = append(append(c.exchange.In, f.KeyUpdate(t)...), f.Data(t, []byte("x"))...)
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

// A change of keys that asks for no answer leaves no trace in what is written.
func TestRecordsWithoutDataAreCounted(t *testing.T) {
	for _, size := range []int{1, 7, 1 << 16} {
		c := newCouple(t, kind{version: tls.VersionTLS13, inside: true})
		f := wstest.ForgeClient(t, c.client, c.secrets, 0)
		var stream []byte
		for range 5 {
			for _, record := range [][]byte{f.Data(t, []byte("x")), f.NewKeys(t), f.Data(t, nil), f.Data(t, noise(2000)), f.NewKeys(t), f.Data(t, []byte("y"))} {
				stream = append(stream, record...)
			}
		}
		barren, data := 0, 0
		for len(stream) > 0 {
			n := min(size, len(stream))
			c.exchange.In, stream = stream[:n], stream[n:]
			plain, err := c.exchange.Decrypt(c.server, make([]byte, 0, 64<<10))
			if err != nil {
				t.Fatal(err)
			}
			barren, data = barren+c.exchange.Barren, data+len(plain)
		}
		if barren != 5*3 || data != 5*2002 || len(c.exchange.Out) > 0 {
			t.Errorf("pieces of %d: %d records without data, %d bytes of data, %d bytes of answers", size, barren, data, len(c.exchange.Out))
		}
	}
}
