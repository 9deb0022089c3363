// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"net"
	"net/http"
	"time"
)

// Connection is one open connection as the control port lists it.
type Connection struct {
	ID                 string    `json:"id"`
	OpenedAt           time.Time `json:"opened_at"`
	Listener           string    `json:"listener"`
	Route              string    `json:"route"`
	Policy             string    `json:"policy"`
	Issuer             string    `json:"issuer,omitempty"`
	Subject            string    `json:"subject,omitempty"`
	ClientAddress      string    `json:"client_address"`
	Host               string    `json:"host"`
	Path               string    `json:"path"`
	Upstream           string    `json:"upstream"`
	MessagesFromClient uint64    `json:"messages_from_client"`
	MessagesToClient   uint64    `json:"messages_to_client"`
	BytesFromClient    uint64    `json:"bytes_from_client"`
	BytesToClient      uint64    `json:"bytes_to_client"`
}

// Control serves GET /connections, the connections that list returns.
func Control(list func() []Connection) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /connections", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, struct {
			Connections []Connection `json:"connections"`
		}{list()})
	})
	return loopbackOnly(mux)
}

// loopbackOnly refuses requests that name another host. A web page in a browser
// on this machine can make its own name resolve to 127.0.0.1 (DNS rebinding) and
// would read the answer; it cannot send another Host than its own.
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if host != "localhost" && host != "127.0.0.1" && host != "::1" && host != "[::1]" {
			say(w, http.StatusForbidden, "the control port answers to localhost only")
			return
		}
		if r.Header.Get("Origin") != "" {
			say(w, http.StatusForbidden, "the control port does not answer to web pages")
			return
		}
		next.ServeHTTP(w, r)
	})
}
