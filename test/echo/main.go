// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Command echo is the backend of the quick start and of the tests on a real
// node: it accepts WebSocket connections on any path and sends every message
// back as it came. With ?whoami it first sends the identity headers that it was
// given, so that a test sees what reached the backend.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
)

func main() {
	listen := flag.String("listen", ":8080", "address to listen on")
	subprotocols := flag.String("subprotocols", "chat.v2", "comma separated subprotocols that are understood")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve(ctx, *listen, strings.Split(*subprotocols, ",")); err != nil {
		slog.Error("echo failed", "error", err)
		os.Exit(1)
	}
}

func serve(ctx context.Context, listen string, subprotocols []string) error {
	server := &http.Server{
		Addr:              listen,
		Handler:           handler(subprotocols),
		ReadHeaderTimeout: 5 * time.Second,
	}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	slog.Info("echo listens", "address", listen)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("listen on %s: %w", listen, err)
	}
	return nil
}

func handler(subprotocols []string) http.Handler {
	upgrader := websocket.Upgrader{
		ReadBufferSize:  1024,
		WriteBufferSize: 1024,
		Subprotocols:    subprotocols,
		// The gateway in front decides about origins.
		CheckOrigin: func(*http.Request) bool { return true },
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrader.Upgrade(w, r, nil)
		if err != nil {
			return // Upgrade has answered.
		}
		defer func() { _ = conn.Close() }()
		conn.SetReadLimit(4 << 20)
		if r.URL.Query().Has("whoami") {
			if err := conn.WriteMessage(websocket.TextMessage, []byte(whoami(r))); err != nil {
				return
			}
		}
		echo(conn)
	})
	return mux
}

func echo(conn *websocket.Conn) {
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if err := conn.WriteMessage(kind, message); err != nil {
			return
		}
	}
}

// whoami lists the request's headers whose names could carry an identity or a
// credential, one a line, sorted.
func whoami(r *http.Request) string {
	var lines []string
	for name, values := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-") || lower == "authorization" || lower == "cookie" || lower == "origin" {
			lines = append(lines, name+": "+strings.Join(values, ", "))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
