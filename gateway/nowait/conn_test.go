// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package nowait_test

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/nowait"
)

func TestAConnectionThatIsNotTakenIsLikeAnyOther(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	peer, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	conn := nowait.Wrap(accepted)
	if conn.Taken() || conn.RemoteAddr().String() != peer.LocalAddr().String() {
		t.Error("it is not the connection")
	}
	for name, deadline := range map[string]func(time.Time) error{"of both": conn.SetDeadline, "of reading": conn.SetReadDeadline} {
		_ = deadline(time.Unix(1, 0))
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("deadline %s: %v", name, err)
		}
	}
	_ = conn.SetWriteDeadline(time.Unix(1, 0))
	if _, err := conn.Write([]byte("x")); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("deadline of writing: %v", err)
	}
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Error(err)
	}
	if err := conn.CloseWrite(); err != nil {
		t.Error(err)
	}
	if got, err := io.ReadAll(peer); string(got) != "hello" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	_, _ = io.WriteString(peer, "bye")
	_ = peer.Close()
	if got, err := io.ReadAll(conn); string(got) != "bye" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if _, err := accepted.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestATakenConnectionTouchesNoNetwork(t *testing.T) {
	conn := nowait.Wrap(nil) // any call of it would panic
	exchange := &nowait.Exchange{In: []byte("abc")}
	conn.Take(exchange)
	if err := errors.Join(conn.SetDeadline(time.Time{}), conn.SetReadDeadline(time.Time{}), conn.SetWriteDeadline(time.Time{}), conn.CloseWrite(), conn.Close()); err != nil {
		t.Error(err)
	}
	if conn.LocalAddr().String() == "" || conn.RemoteAddr().Network() == "" {
		t.Error("whoever asks for an address gets none")
	}
	for _, want := range []string{"ab", "c"} {
		p := make([]byte, 2)
		if n, err := conn.Read(p); err != nil || string(p[:n]) != want {
			t.Errorf("%q, %v", p[:n], err)
		}
	}
	var network net.Error
	if _, err := conn.Read(make([]byte, 1)); !errors.As(err, &network) || network.Timeout() {
		t.Errorf("%v", err)
	}
	exchange.Ended = true
	if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	if n, err := conn.Write([]byte("out")); n != 3 || err != nil || string(exchange.Out) != "out" || !conn.Taken() {
		t.Errorf("%d, %v, %q", n, err, exchange.Out)
	}
}
