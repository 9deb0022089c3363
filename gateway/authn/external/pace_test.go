// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// Such a server is a proxy with nothing behind it, or one that means harm. The
// connection stood, so gRPC sees no failure to wait after.
func TestAServerThatHangsUpAfterItsHelloIsNotDialledInALoop(t *testing.T) {
	hello := []byte{0, 0, 0, 4, 0, 0, 0, 0, 0} // SETTINGS without a setting (RFC 9113 section 6.5)
	goodbye := append([]byte{0, 0, 8, 7, 0, 0, 0, 0, 0}, make([]byte, 8)...)
	for name, last := range map[string][]byte{"hangs up": nil, "says goodbye": goodbye} {
		t.Run(name, func(t *testing.T) {
			server := wstest.Raw(t, func(conn net.Conn) {
				_, _ = conn.Write(slices.Concat(hello, last))
				if last != nil {
					_, _ = io.Copy(io.Discard, conn)
				}
			})
			clients := clientsOf(t, &log{}, server.Address)
			begin := time.Now()
			for time.Since(begin) < 2*time.Second {
				if _, reason, detail := check(t, clients, 100*time.Millisecond); reason != outcome.AuthUnavailable {
					t.Fatalf("%q: %s", reason, detail)
				}
			}
			// A few at once, then one every half second.
			if got, most := server.Accepted(), int64(5+time.Since(begin)/(500*time.Millisecond)+1); got > most || got == 0 {
				t.Errorf("dialled %d times in %v, want at most %d times", got, time.Since(begin), most)
			}
		})
	}
}
