// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package listener_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/listener"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// script is a connection on which the other side sends pieces and is then gone,
// or silent until the deadline.
type script struct {
	net.Conn

	pieces [][]byte
	end    error
	read   int
}

func (s *script) Read(b []byte) (int, error) {
	if len(s.pieces) == 0 {
		return 0, s.end
	}
	n := copy(b, s.pieces[0])
	s.read += n
	if s.pieces[0] = s.pieces[0][n:]; len(s.pieces[0]) == 0 {
		s.pieces = s.pieces[1:]
	}
	return n, nil
}

// slow is what a connection says whose deadline is over.
func slow(t *testing.T) error {
	t.Helper()
	near, far := net.Pipe()
	defer func() { _, _ = near.Close(), far.Close() }()
	if err := near.SetReadDeadline(time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	_, err := near.Read(make([]byte, 1))
	return err
}

const signature = "\r\n\r\n\x00\r\nQUIT\n"

// v2 is a header of version 2.
func v2(command, family byte, body string) string {
	length := binary.BigEndian.AppendUint16(nil, uint16(len(body)))
	return signature + string([]byte{command, family}) + string(length) + body
}

const (
	from4 = "\xcb\x00\x71\x07\xc0\x00\x02\x01\xc3\xcb\x01\xbb" // 203.0.113.7:50123 to 192.0.2.1:443
	hello = "\x16\x03\x01 client hello"
)

func from6(source string) string {
	return string(net.ParseIP(source).To16()) + string(net.ParseIP("2001:db8::1").To16()) + "\xc3\xcb\x01\xbb"
}

// tlv is one addition of a load balancer, as large as wanted.
func tlv(size int) string {
	length := binary.BigEndian.AppendUint16([]byte{0xea}, uint16(size))
	return string(length) + strings.Repeat("x", size)
}

func TestAProxySaysWhomItSpeaksFor(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, header string
		want         string // "" is itself
	}{
		{"version 1, IPv4", "PROXY TCP4 203.0.113.7 192.0.2.1 50123 443\r\n", "203.0.113.7:50123"},
		{"version 1, IPv6", "PROXY TCP6 2001:db8:1::7 2001:db8::1 50123 443\r\n", "[2001:db8:1::7]:50123"},
		{"version 1, unknown", "PROXY UNKNOWN\r\n", ""},
		{"version 1, unknown with addresses", "PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", ""},
		{"version 2, IPv4", v2(0x21, 0x11, from4), "203.0.113.7:50123"},
		{"version 2, IPv6", v2(0x21, 0x21, from6("2001:db8:1::7")), "[2001:db8:1::7]:50123"},
		{"version 2, IPv4 in IPv6", v2(0x21, 0x21, from6("203.0.113.7")), "203.0.113.7:50123"},
		{"version 2, with additions", v2(0x21, 0x11, from4+tlv(3)+tlv(40)), "203.0.113.7:50123"},
		{"version 2, with four KiB of additions", v2(0x21, 0x11, from4+tlv(4096-12-3)), "203.0.113.7:50123"},
		{"version 2, a health check", v2(0x20, 0x00, ""), ""},
		{"version 2, a health check with addresses", v2(0x20, 0x11, from4), ""},
		{"version 2, a health check with additions", v2(0x20, 0x00, tlv(20)), ""},
		{"version 2, a client of a UNIX socket", v2(0x21, 0x31, strings.Repeat("\x00", 216)), ""},
	} {
		for _, pieces := range []struct {
			name string
			of   [][]byte
		}{
			{"with the beginning of TLS", [][]byte{[]byte(test.header + hello)}},
			{"before TLS", [][]byte{[]byte(test.header), []byte(hello)}},
			{"with a lot behind", [][]byte{[]byte(test.header + hello + strings.Repeat("y", 5000))}},
		} {
			conn := &script{pieces: pieces.of, end: io.EOF}
			said, err := listener.ReadIntroduction(conn)
			if err != nil || said.Silent {
				t.Errorf("%s, %s: %v", test.name, pieces.name, err)
				continue
			}
			got := ""
			if said.Source.IsValid() {
				got = said.Source.String()
			}
			behind, err := io.ReadAll(said.Rest)
			if got != test.want || err != nil || !strings.HasPrefix(string(behind), hello) {
				t.Errorf("%s, %s: %q, want %q, and then %.20q, %v", test.name, pieces.name, got, test.want, behind, err)
			}
		}
	}
}

func TestWhatIsNoProxyProtocolIsRefusedAndNotRepeated(t *testing.T) {
	t.Parallel()
	good := v2(0x21, 0x11, from4)
	gone, late := io.EOF, slow(t)
	for _, test := range []struct {
		name   string
		pieces []string
		end    error
		want   outcome.Reason
		silent bool
	}{
		{"TLS at once", []string{"\x16\x03\x01\x02\x00secret"}, gone, outcome.BadProxyHeader, false},
		{"HTTP", []string{"GET /?token=secret HTTP/1.1\r\n\r\n"}, gone, outcome.BadProxyHeader, false},
		{"a word that begins alike", []string{"PROXYsecret TCP4 203.0.113.7 192.0.2.1 1 2\r\n"}, gone, outcome.BadProxyHeader, false},
		{"lower case", []string{"proxy TCP4 203.0.113.7 192.0.2.1 1 2\r\n"}, gone, outcome.BadProxyHeader, false},
		{"version 1 without a carriage return", []string{"PROXY TCP4 203.0.113.7 192.0.2.1 1 2\n"}, gone, outcome.BadProxyHeader, false},
		{"version 1 without an end", []string{"PROXY TCP4 " + strings.Repeat("secret", 100)}, gone, outcome.BadProxyHeader, false},
		{"version 1 in pieces", []string{"PROXY TCP4 203.0.113.7", " 192.0.2.1 1 2\r\n"}, gone, outcome.BadProxyHeader, false},
		{"version 1 with a name", []string{"PROXY TCP4 secret.example 192.0.2.1 1 2\r\n"}, gone, outcome.BadProxyHeader, false},
		{"version 1 with too few fields", []string{"PROXY TCP4 203.0.113.7 192.0.2.1 1\r\n"}, gone, outcome.BadProxyHeader, false},
		{"version 1 with too many fields", []string{"PROXY TCP4 203.0.113.7 192.0.2.1 1 2 3\r\n"}, gone, outcome.BadProxyHeader, false},
		{"version 1 with a port out of range", []string{"PROXY TCP4 203.0.113.7 192.0.2.1 70000 2\r\n"}, gone, outcome.BadProxyHeader, false},
		{"version 1 of the wrong family", []string{"PROXY TCP4 2001:db8::1 192.0.2.1 1 2\r\n"}, gone, outcome.BadProxyHeader, false},
		{"version 1 from nobody", []string{"PROXY TCP4 0.0.0.0 192.0.2.1 1 2\r\n"}, gone, outcome.BadProxyHeader, false},
		{"version 2 from everybody", []string{v2(0x21, 0x21, from6("ff02::1"))}, gone, outcome.BadProxyHeader, false},
		{"version 2 of another version", []string{v2(0x31, 0x11, from4)}, gone, outcome.BadProxyHeader, false},
		{"version 2 with another command", []string{v2(0x22, 0x11, from4)}, gone, outcome.BadProxyHeader, false},
		{"version 2 of another family", []string{v2(0x21, 0x41, from4)}, gone, outcome.BadProxyHeader, false},
		{"version 2 without a family", []string{v2(0x21, 0x00, "")}, gone, outcome.BadProxyHeader, false},
		{"version 2 over UDP", []string{v2(0x21, 0x12, from4)}, gone, outcome.BadProxyHeader, false},
		{"version 2, too short for its addresses", []string{v2(0x21, 0x11, from4[:11])}, gone, outcome.BadProxyHeader, false},
		{"version 2, longer than four KiB", []string{v2(0x21, 0x11, from4+tlv(4096))}, gone, outcome.BadProxyHeader, false},
		{"version 2, of the greatest length", []string{signature + "\x21\x11\xff\xff" + from4}, gone, outcome.BadProxyHeader, false},
		{"version 2, longer than what comes", []string{signature + "\x21\x11\x00\x20" + from4}, gone, outcome.BadProxyHeader, false},
		{"version 2, cut off", []string{good[:20]}, gone, outcome.BadProxyHeader, false},
		{"the signature alone", []string{signature}, gone, outcome.BadProxyHeader, false},
		{"half of the signature", []string{signature[:6]}, gone, outcome.BadProxyHeader, false},

		{"nothing", nil, gone, outcome.ClientGone, true},
		{"nothing, for too long", nil, late, outcome.HandshakeTimeout, true},
		{"half of version 1, for too long", []string{"PROX"}, late, outcome.HandshakeTimeout, false},
		{"half of version 2, for too long", []string{good[:14]}, late, outcome.HandshakeTimeout, false},
		{"half of the addresses, for too long", []string{good[:20]}, late, outcome.HandshakeTimeout, false},
		{"half of the additions, for too long", []string{v2(0x21, 0x11, from4+tlv(400))[:100]}, late, outcome.HandshakeTimeout, false},
	} {
		conn := &script{end: test.end}
		for _, piece := range test.pieces {
			conn.pieces = append(conn.pieces, []byte(piece))
		}
		said, err := listener.ReadIntroduction(conn)
		refusal, ok := errors.AsType[*outcome.Refusal](err)
		switch {
		case !ok || refusal.Reason != test.want || !refusal.Silent || said.Silent != test.silent:
			t.Errorf("%s: %v, silent %t; want %q", test.name, err, said.Silent, test.want)
		case said.Rest != nil || said.Source.IsValid():
			t.Errorf("%s: went on", test.name)
		case strings.Contains(refusal.Detail, "secret"):
			t.Errorf("%s: repeats what was sent: %q", test.name, refusal.Detail)
		}
	}
}

func FuzzIntroduction(f *testing.F) {
	f.Add([]byte("PROXY TCP4 203.0.113.7 192.0.2.1 50123 443\r\n"+hello), 7)
	f.Add([]byte(v2(0x21, 0x11, from4+tlv(9))+hello), 1000)
	f.Add([]byte(v2(0x20, 0x00, "")), 1)
	f.Fuzz(func(t *testing.T, data []byte, size int) {
		conn := &script{end: io.EOF}
		for piece := range chunks(data, size) {
			conn.pieces = append(conn.pieces, piece)
		}
		said, err := listener.ReadIntroduction(conn)
		if err != nil {
			if _, ok := errors.AsType[*outcome.Refusal](err); !ok || conn.read > 16+4096+512 {
				t.Fatalf("%v after %d bytes", err, conn.read)
			}
			return
		}
		if from := said.Source.Addr(); from.IsValid() && (from.Is4In6() || from.IsUnspecified()) {
			t.Fatalf("source %v", from)
		}
		// What is behind the header arrives whole.
		behind, err := io.ReadAll(said.Rest)
		if err != nil || !bytes.HasSuffix(data, behind) || len(behind) == len(data) {
			t.Fatalf("%d of %d bytes behind the header, %v", len(behind), len(data), err)
		}
	})
}

// chunks cuts data into pieces of a size.
func chunks(data []byte, size int) func(func([]byte) bool) {
	size = max(size, 1)
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			n := min(size, len(data))
			if !yield(data[:n:n]) {
				return
			}
			data = data[n:]
		}
	}
}
