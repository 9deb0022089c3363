// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

// Keys of the context extensions, by which a server can tell one policy from
// another and a revalidation from a handshake. Clients cannot set them.
const (
	extensionGateway    = "gateway"
	extensionListener   = "listener"
	extensionRoute      = "route"
	extensionPolicy     = "policy"
	extensionConnection = "connection"
	extensionSession    = "session"
	extensionSubject    = "subject"
)

// Question is what a server is asked about: a handshake, or an open connection.
type Question struct {
	secret.Sealed

	Policy, Listener, Route string
	// ServerName of TLS, and Host of the request without port.
	ServerName, Host string
	// Target is path and query as the client sent them; the path alone of an open
	// connection.
	Target string
	// Client is the address that the caller comes from.
	Client netip.Addr
	// Principal is the owner of the caller's client certificate, which was
	// verified; empty for none.
	Principal string
	// Header of the request; nil for an open connection, whose credentials
	// nobody keeps.
	Header http.Header
	// Open is set for an open connection.
	Open *Open
	// Lasting is true where the server is to be asked again: an answer without a
	// session is none.
	Lasting bool
}

// Open is what is known of a connection that was admitted by an earlier answer.
type Open struct {
	// Connection is its id in the audit log.
	Connection string
	// Session and Subject are those of the Answer.
	Session, Subject string
}

func (q *Question) request(gateway contract.GatewayRef, now time.Time) *authv3.CheckRequest {
	return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
		Source: &authv3.AttributeContext_Peer{
			Address: addressOf(q.Client), Principal: strings.ToValidUTF8(q.Principal, "\uFFFD"),
		},
		Request: &authv3.AttributeContext_Request{
			Time: timestamppb.New(now),
			Http: &authv3.AttributeContext_HttpRequest{
				Method: http.MethodGet, Scheme: "https", Protocol: "HTTP/1.1",
				Host: q.Host, Path: q.Target, Headers: headers(q.Header),
			},
		},
		ContextExtensions: q.extensions(gateway),
		TlsSession:        &authv3.AttributeContext_TLSSession{Sni: q.ServerName},
	}}
}

func (q *Question) extensions(gateway contract.GatewayRef) map[string]string {
	known := map[string]string{
		extensionGateway:  gateway.Namespace + "/" + gateway.Name,
		extensionListener: q.Listener, extensionRoute: q.Route, extensionPolicy: q.Policy,
	}
	if q.Open != nil {
		known[extensionConnection] = q.Open.Connection
		known[extensionSession] = q.Open.Session
		known[extensionSubject] = q.Open.Subject
	}
	return known
}

func addressOf(client netip.Addr) *corev3.Address {
	if !client.IsValid() {
		return nil
	}
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address: client.String(), PortSpecifier: &corev3.SocketAddress_PortValue{},
	}}}
}

// headers are those of the client, as Envoy sends them: names in lower case,
// several fields joined.
func headers(client http.Header) map[string]string {
	sent := make(map[string]string, len(client))
	for name, values := range client {
		lower := strings.ToLower(name)
		if withheld(name) {
			continue
		}
		separator := ","
		if lower == "cookie" {
			separator = "; "
		}
		// Strings of a message are UTF-8, or it cannot be sent.
		sent[lower] = strings.ToValidUTF8(strings.Join(values, separator), "\uFFFD")
	}
	return sent
}
