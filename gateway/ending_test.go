// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// TLS has an end of its own, and some clients wait for that of TCP: it has to
// come at once, not when the gateway stops listening.
func TestTheEndOfAConnectionIsAlsoTheEndOfTCP(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, nil)
	for _, test := range []struct {
		name, send string
	}{
		{"a refused request", without("Upgrade")},
		// A masked Close frame with code 1000 right behind the request.
		{"a Close frame", request() + "\x88\x82\x00\x00\x00\x00\x03\xe8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			conn := r.speakTLS(t, "public", "ws.example.com")
			if _, err := io.WriteString(conn, test.send); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(conn); err != nil {
				t.Fatalf("end of TLS: %v", err)
			}
			// The gateway goes on, so it is not its own end that ends this.
			_ = conn.NetConn().SetReadDeadline(time.Now().Add(contract.DefaultHandshakeTimeout - time.Second))
			if _, err := conn.NetConn().Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
				t.Errorf("end of TCP: %v", err)
			}
		})
	}
}

func TestNothingIsRecordedOfAConnectionBehindItsEnd(t *testing.T) {
	r, _ := startBase(t, func(c *contract.Config) {
		c.Audit = &contract.Audit{ProgressInterval: new(contract.Duration(5 * time.Millisecond))}
	})
	for round := range 3 {
		talk := wstest.Talk(t, r.dialer("public"), chatURL, 40, 5*time.Millisecond)
		until(t, func() string {
			if len(r.audit.records(t, "progress")) <= round {
				return "no progress was recorded"
			}
			return ""
		})
		talk.Stop()
	}
	r.end(t)
	ended := map[string]bool{}
	progress := 0
	for _, record := range r.audit.all(t) {
		id := record.ConnectionID
		if record.Event == audit.EventClosed {
			ended[id] = true
		}
		if record.Event == audit.EventProgress {
			progress++
			if ended[id] {
				t.Errorf("progress of %s after its end", id)
			}
		}
	}
	if len(ended) != 120 || progress == 0 {
		t.Errorf("%d ends and %d records of progress: the test proves nothing", len(ended), progress)
	}
}

// A handshake that is under way when the gateway stops gets an answer.
func TestACallerWhoWaitsForABackendWhenTheGatewayStopsGetsAnAnswer(t *testing.T) {
	t.Parallel()
	backend, asked, agree := hesitant(t)
	ca, root := wstest.NewCA(t), wstest.NewRoot(t)
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Config(t, baseConfig(), endpoints(backend.Address))
	r := start(t, root, ca, nil)
	conn := r.speakTLS(t, "public", "ws.example.com")
	if _, err := io.WriteString(conn, request()); err != nil {
		t.Fatal(err)
	}
	<-asked
	r.Stop()
	time.AfterFunc(500*time.Millisecond, agree)
	reader := bufio.NewReader(conn)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", response.StatusCode)
	}
	frame := make([]byte, 4)
	if _, err := io.ReadFull(reader, frame); err != nil || frame[0] != 0x88 || int(frame[2])<<8|int(frame[3]) != 1012 {
		t.Errorf("got %x, %v, want a Close frame with 1012", frame, err)
	}
	_ = conn.Close()
	r.end(t)
	opened, closed := r.audit.records(t, "opened"), r.audit.records(t, "closed")
	if len(opened) != 1 || len(closed) != 1 || closed[0].Reason != outcome.DrainingClosure {
		t.Errorf("opened %v, closed %v", opened, closed)
	}
}

func TestACallerWhoSaysNothingDoesNotHoldUpTheEnd(t *testing.T) {
	t.Parallel()
	r, _ := startBase(t, func(c *contract.Config) {
		c.Limits = &contract.Limits{HandshakeTimeout: new(contract.Duration(time.Minute))}
	})
	for _, speaks := range []bool{false, true} {
		if speaks {
			_ = r.speakTLS(t, "public", "ws.example.com").Handshake()
			continue
		}
		conn, err := net.Dial("tcp", r.addresses["public"])
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
	}
	begin := time.Now()
	r.end(t)
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("took %v", took)
	}
}
