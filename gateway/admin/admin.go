// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package admin answers what operators, probes and scrapers ask of a pod. The
// admin port is open to the pod network, so it tells nothing secret and changes
// nothing; the control port names connections and is for the pod's loopback
// interface alone.
package admin

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// Source is what the admin port tells. All fields are required; the functions
// must be safe for concurrent use.
type Source struct {
	// Ready returns why the pod must get no new connections, nil if it may.
	Ready   func() error
	Report  func() contract.Report
	Metrics http.Handler
}

// Handler serves /healthz, /readyz, /metrics and /report.
func Handler(s Source) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := s.Ready(); err != nil {
			say(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		say(w, http.StatusOK, "ok")
	})
	mux.Handle("GET /metrics", s.Metrics)
	mux.HandleFunc("GET /report", func(w http.ResponseWriter, r *http.Request) { report(w, r, s.Report()) })
	return mux
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The asker may have gone; nobody else is interested.
	_, _ = io.WriteString(w, text+"\n")
}

func report(w http.ResponseWriter, r *http.Request, current contract.Report) {
	tag, err := etag(current)
	if err != nil {
		say(w, http.StatusInternalServerError, "report cannot be encoded")
		return
	}
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeJSON(w, current)
}

// etag leaves the number of connections out, so that traffic alone does not
// make a new answer.
func etag(current contract.Report) (string, error) {
	current.Connections = 0
	data, err := json.Marshal(current)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return `"` + hex.EncodeToString(sum[:16]) + `"`, nil
}

func writeJSON(w http.ResponseWriter, value any) { writeStatus(w, http.StatusOK, value) }

func writeStatus(w http.ResponseWriter, status int, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		say(w, http.StatusInternalServerError, "answer cannot be encoded")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(data, '\n'))
}
