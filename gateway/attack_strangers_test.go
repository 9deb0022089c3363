// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// strangerTime bounds everything that a stranger waits for, so that a test ends.
const strangerTime = time.Minute

// stranger is the address of a caller who has one of its own: by it the audit log
// tells what became of whom, and nobody's refusals are summed up with others'.
func stranger(n int) net.IP { return net.IPv4(127, 0, byte(1+n/200), byte(1+n%200)) }

// answer is what a stranger was told.
type answer struct {
	// status is 0 where there was no HTTP answer; why is in err then.
	status int
	header http.Header
	body   string
	took   time.Duration
	err    error
}

// strike connects as a stranger, sends an attack and waits for what comes of it.
// It may be used concurrently.
func (r *running) strikeAs(n int, change func(*tls.Config), raw string) answer {
	begin := time.Now()
	conn, err := r.reach(n, change)
	a := answer{err: err}
	if err == nil {
		a = exchange(conn, raw)
	}
	a.took = time.Since(begin)
	return a
}

// reach connects as a stranger. It may be used concurrently.
func (r *running) reach(n int, change func(*tls.Config)) (*tls.Conn, error) {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: stranger(n)}, Timeout: strangerTime}
	conn, err := dialer.Dial("tcp", r.addresses["public"])
	if err != nil {
		return nil, fmt.Errorf("not even connected: %w", err)
	}
	_ = conn.SetDeadline(time.Now().Add(strangerTime))
	config := &tls.Config{RootCAs: r.ca.Pool, ServerName: "ws.example.com"}
	if change != nil {
		change(config)
	}
	secure := tls.Client(conn, config)
	if err := secure.Handshake(); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// exchange sends what there is to send and waits for what comes of it.
func exchange(secure *tls.Conn, raw string) answer {
	defer func() { _ = secure.NetConn().Close() }()
	// In TLS 1.3 the gateway may have hung up by now; what it said is still there.
	_, _ = io.WriteString(secure, raw)
	response, err := http.ReadResponse(bufio.NewReader(secure), nil)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{status: response.StatusCode, header: response.Header}
	if a.status == http.StatusSwitchingProtocols {
		return a
	}
	body, err := io.ReadAll(response.Body)
	a.body, a.err = string(body), err
	return a
}

// fits compares an answer with the one that a refusal gets.
func (a *answer) fits(t *testing.T, want outcome.Reason, within time.Duration) {
	t.Helper()
	if a.took > within {
		t.Errorf("took %v, more than %v", a.took, within)
	}
	switch refusal := outcome.Refuse(want, "").Answer(); {
	case want == "":
		if a.status != http.StatusSwitchingProtocols {
			t.Errorf("status %d %q, %v; want to get in", a.status, a.body, a.err)
		}
	case refusal.Status == 0:
		if a.status != 0 || a.err == nil {
			t.Errorf("status %d %q, want no HTTP answer", a.status, a.body)
		}
	case a.status != refusal.Status || a.body != refusal.Text+"\n":
		t.Errorf("status %d %q, %v; want %d %q", a.status, a.body, a.err, refusal.Status, refusal.Text)
	}
}

// became is the one record of an event about a stranger, an empty one if there is
// none. The gateway has ended.
func (r *running) became(t *testing.T, n int, event audit.Event) *audit.Record {
	t.Helper()
	found := slices.DeleteFunc(r.audit.records(t, event), func(record *audit.Record) bool { return record.ClientIP != stranger(n).String() })
	if len(found) != 1 {
		t.Errorf("%d records %q, want one", len(found), event)
		return &audit.Record{}
	}
	return found[0]
}

// unharmed looks whether an attack has hit a mistake of ours.
func (r *running) unharmed(t *testing.T) {
	t.Helper()
	if text := r.logs.String(); strings.Contains(text, "mistake in the gateway") {
		t.Errorf("a step panicked: %s", text)
	}
}
