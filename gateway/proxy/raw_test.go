// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package proxy_test

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"

	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// readHead reads a handshake request byte by byte, so that frames behind it stay
// in the connection.
func readHead(conn net.Conn) *http.Request {
	var head []byte
	for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
		var b [1]byte
		if _, err := io.ReadFull(conn, b[:]); err != nil {
			return nil
		}
		head = append(head, b[0])
	}
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return nil
	}
	return request
}

func answer101(request *http.Request) string {
	if request == nil {
		return ""
	}
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		wstest.Accept(request.Header.Get("Sec-WebSocket-Key")) + "\r\n\r\n"
}

// shake plays the upstream's handshake, after which frames may follow.
func shake(conn net.Conn) {
	_, _ = io.WriteString(conn, answer101(readHead(conn)))
}
