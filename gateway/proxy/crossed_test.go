// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// closeCodes are those of the Close frames that come until the connection ends in
// order.
func closeCodes(conn net.Conn) (codes []int, err error) {
	for {
		f, err := readFrame(conn)
		if errors.Is(err, io.EOF) {
			return codes, nil
		}
		if err != nil {
			return codes, err
		}
		if f.first&0xf == clos {
			codes = append(codes, int(binary.BigEndian.Uint16(f.payload)))
		}
	}
}

// RFC 6455 section 7.1.5: both sides may begin to close at the same time. Each frame
// is the other one's answer, then.
func TestCloseFramesThatCrossAnswerEachOther(t *testing.T) {
	t.Parallel()
	const byClient, byUpstream = 4001, 4002
	for name, k := range relays() {
		for hop, secure := range hops() {
			t.Run(name+" "+hop, func(t *testing.T) {
				t.Parallel()
				both := make(chan struct{})
				type heard struct {
					codes []int
					err   error
				}
				upstream := make(chan heard, 1)
				g := k.rawGate(t, secure, func(conn net.Conn) {
					shake(conn)
					<-both
					_, _ = conn.Write(plain(fin|clos, binary.BigEndian.AppendUint16(nil, byUpstream)))
					codes, err := closeCodes(conn)
					upstream <- heard{codes, err}
				})
				conn := g.raw()
				close(both)
				if _, err := conn.Write(masked(fin|clos, binary.BigEndian.AppendUint16(nil, byClient))); err != nil {
					t.Fatal(err)
				}
				codes, err := closeCodes(conn)
				if diff := cmp.Diff([]int{byUpstream}, codes); diff != "" || err != nil {
					t.Errorf("the client is told %v (-want +got):\n%s", err, diff)
				}
				other := <-upstream
				if diff := cmp.Diff([]int{byClient}, other.codes); diff != "" || other.err != nil {
					t.Errorf("the upstream is told %v (-want +got):\n%s", other.err, diff)
				}
				c := g.closure()
				if c.Reason != outcome.ClientClosed && c.Reason != outcome.UpstreamClosed || c.Code != map[outcome.Reason]int{
					outcome.ClientClosed: byClient, outcome.UpstreamClosed: byUpstream,
				}[c.Reason] {
					t.Errorf("closure = %v by %s with %d", c, c.Initiator, c.Code)
				}
			})
		}
	}
}
