// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Command keyserver is the identity provider of the tests on a real node, as far
// as a gateway sees one: it publishes a JSON Web Key Set over https, at
// /jwks.json. Over HTTP, at another port, a test rotates the keys:
//
//	PUT /jwks.json   publishes the key set in the body from now on
//	GET /fetches     says how often the key set was fetched
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const keySetPath = "/jwks.json"

func main() {
	listen := flag.String("listen", ":8443", "address of the key set, over https")
	control := flag.String("control", ":8081", "address to be told over HTTP which keys to publish")
	folder := flag.String("certificate", "/tls", "folder with tls.crt and tls.key")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *control, *folder); err != nil {
		slog.Error("keyserver failed", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, control, folder string) error {
	certificate, err := tls.LoadX509KeyPair(filepath.Join(folder, "tls.crt"), filepath.Join(folder, "tls.key"))
	if err != nil {
		return fmt.Errorf("-certificate: %w", err)
	}
	published := &publication{}
	public := &http.Server{
		Addr: listen, Handler: published.public(), ReadHeaderTimeout: 5 * time.Second,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
	}
	private := &http.Server{Addr: control, Handler: published.control(), ReadHeaderTimeout: 5 * time.Second}
	stopped := context.AfterFunc(ctx, func() { _ = errors.Join(public.Close(), private.Close()) })
	defer stopped()
	ended := make(chan error, 2)
	go func() { ended <- public.ListenAndServeTLS("", "") }()
	go func() { ended <- private.ListenAndServe() }()
	slog.Info("keyserver listens", "key_set", listen, "control", control)
	// One that cannot listen ends the other.
	err = <-ended
	_ = errors.Join(public.Close(), private.Close())
	err = errors.Join(ignoreClosed(err), ignoreClosed(<-ended))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}

func ignoreClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// publication is the key set that is published now. Its methods are safe for
// concurrent use.
type publication struct {
	mu      sync.Mutex
	keySet  []byte
	fetches int
}

func (p *publication) public() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+keySetPath, func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		keySet := p.keySet
		p.fetches++
		p.mu.Unlock()
		if keySet == nil {
			http.Error(w, "no key set was published yet", http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/jwk-set+json")
		_, _ = w.Write(keySet)
	})
	return mux
}

func (p *publication) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /fetches", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		fetches := p.fetches
		p.mu.Unlock()
		_, _ = io.WriteString(w, strconv.Itoa(fetches))
	})
	mux.HandleFunc("PUT "+keySetPath, func(w http.ResponseWriter, r *http.Request) {
		keySet, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "read the key set: "+err.Error(), http.StatusBadRequest)
			return
		}
		p.mu.Lock()
		p.keySet = keySet
		p.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}
