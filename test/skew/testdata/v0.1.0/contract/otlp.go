// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"errors"
	"fmt"
	"net/url"
)

// OTLP is a server that takes telemetry by the protocol of OpenTelemetry.
// Exactly one of Backend and URI is set. It has no pointer in it, so that two can
// be compared.
type OTLP struct {
	// HTTP is true for protobuf over HTTP, false for gRPC.
	HTTP bool `json:"http,omitempty"`
	// Backend is a key of Endpoints.Backends.
	Backend string `json:"backend,omitempty"`
	// URI is https://HOST[:PORT], with HTTP perhaps a path that the signal's own
	// is appended to.
	URI string `json:"uri,omitempty"`
	// CABundle, in PEM, verifies the server. Empty: the public CAs for a URI, and
	// no TLS for a Backend.
	CABundle string `json:"caBundle,omitempty"`
	// ServerName of TLS to a Backend.
	ServerName string `json:"serverName,omitempty"`
	// HeadersSecret names a Secret whose keys are headers of each request; only
	// with TLS.
	HeadersSecret string `json:"headersSecret,omitempty"`
}

// Encrypted tells whether the server is spoken to by TLS.
func (o *OTLP) Encrypted() bool { return o.URI != "" || o.CABundle != "" }

func (o *OTLP) validate() error {
	if o == nil {
		return nil
	}
	switch {
	case (o.Backend == "") == (o.URI == ""):
		return errors.New("otlp: needs exactly one of backend and uri")
	case o.Backend != "" && o.CABundle != "" && o.ServerName == "":
		return errors.New("otlp: TLS to a backend needs a server name")
	case o.HeadersSecret != "" && !o.Encrypted():
		return errors.New("otlp: headers of a Secret are sent by TLS only")
	}
	if o.HeadersSecret != "" {
		if err := fileName(o.HeadersSecret); err != nil {
			return fmt.Errorf("otlp: headers: %w", err)
		}
	}
	return o.checkURI()
}

func (o *OTLP) checkURI() error {
	if o.URI == "" {
		return nil
	}
	parsed, err := url.Parse(o.URI)
	switch {
	case err != nil || !public(parsed):
		// The address may hold a token: it is not repeated.
		return errors.New("otlp: the uri is not https://HOST[:PORT][/PATH]")
	case !o.HTTP && parsed.Path != "" && parsed.Path != "/":
		return errors.New("otlp: the uri of a gRPC server has no path")
	}
	return nil
}

// public tells whether an address has no part that may be a credential.
func public(u *url.URL) bool {
	return u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}
