// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"

	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// RefusedError is why the control port does not do what it was asked for.
type RefusedError struct {
	// Status is the HTTP status; Message says what to do.
	Status  int
	Message string
}

// Error implements error.
func (r *RefusedError) Error() string { return r.Message }

// loopbackOnly refuses what a web page in a browser on this machine could send.
// Such a page can make its own name resolve to 127.0.0.1 (DNS rebinding) and would
// read the answer; it cannot send another Host than its own. It can also fetch
// addresses of localhost without reading the answer, as images for one: browsers
// say so in Sec-Fetch-Site, and in Origin where anything but a GET is sent.
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
		// A page of the port itself has no Origin either: it only reloads.
		site := r.Header.Get("Sec-Fetch-Site")
		if r.Header.Get("Origin") != "" || site != "" && site != "none" && site != "same-origin" {
			say(w, http.StatusForbidden, "the control port does not answer to web pages")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// atMost serves so many requests at once and sends the others away: whoever asks
// again and again takes no more from the connections than that.
func atMost(most int, next http.Handler) http.Handler {
	slots := make(chan struct{}, most)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			fail(w, &RefusedError{http.StatusTooManyRequests, "enough of these are under way: try again in a second"})
		}
	})
}

// question is a body that a POST may have.
type question interface{ Validate() error }

// decode reads the body of a POST strictly: a field that is misspelt must not
// select more than was meant. The error is a *RefusedError.
func decode(w http.ResponseWriter, r *http.Request, into question) error {
	if r.Header.Get(control.Header) != control.HeaderValue {
		return &RefusedError{http.StatusForbidden, "send the header " + control.Header + ": " + control.HeaderValue + ", which a web page cannot"}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return &RefusedError{http.StatusUnsupportedMediaType, "send a JSON document, with Content-Type: application/json"}
	}
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, control.MaxBodyBytes))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(into)
	if err == nil {
		// Something behind the document would be what somebody else reads.
		if _, behind := decoder.Token(); !errors.Is(behind, io.EOF) {
			err = errors.New("there is something behind the document")
		}
	}
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return &RefusedError{http.StatusRequestEntityTooLarge, "the document is too large"}
	}
	if err != nil {
		return &RefusedError{http.StatusBadRequest, "the document cannot be read: " + err.Error()}
	}
	if err := into.Validate(); err != nil {
		return &RefusedError{http.StatusBadRequest, err.Error()}
	}
	return nil
}

// fail answers with an error, in JSON.
func fail(w http.ResponseWriter, err error) {
	refusal, ok := errors.AsType[*RefusedError](err)
	if !ok {
		refusal = &RefusedError{http.StatusInternalServerError, "the pod cannot answer"}
	}
	writeStatus(w, refusal.Status, control.Error{Message: refusal.Message})
}
