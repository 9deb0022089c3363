// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package promserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"

	"github.com/wsgateway/websocket-gateway-operator/test/leash"
)

// Server is a running Prometheus. It listens on the loopback address only, and ends
// with the process that started it, however that ends.
type Server struct {
	// API asks it.
	API promv1.API
	// Address is where it listens, as HOST:PORT.
	Address string

	started time.Time
	command *exec.Cmd
	// leash ends Prometheus when it is closed.
	leash io.Closer
	log   *journal
	ended chan struct{}
}

// Start runs Prometheus with a configuration and rules, and its data in a folder.
// The configuration must be that for FilesIn(folder).
func Start(ctx context.Context, folder string, config, rules []byte) (*Server, error) {
	for path, content := range map[string][]byte{filepath.Join(folder, "prometheus.yaml"): config, FilesIn(folder).Rules: rules} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, fmt.Errorf("write the files of Prometheus: %w", err)
		}
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	command, end, err := leash.Command("prometheus",
		"--config.file="+filepath.Join(folder, "prometheus.yaml"), "--storage.tsdb.path="+filepath.Join(folder, "data"),
		"--web.listen-address="+address, "--log.level=warn")
	if err != nil {
		return nil, err
	}
	s := &Server{Address: address, started: time.Now(), command: command, leash: end, log: &journal{}, ended: make(chan struct{})}
	command.Stdout, command.Stderr = s.log, s.log
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("start Prometheus: %w", err)
	}
	go func() {
		_ = command.Wait()
		close(s.ended)
	}()
	client, err := api.NewClient(api.Config{Address: "http://" + address})
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("make a client of Prometheus: %w", err)
	}
	s.API = promv1.NewAPI(client)
	if err := s.ready(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Started is when it began to look.
func (s *Server) Started() time.Time { return s.started }

// Stop ends it and waits for that.
func (s *Server) Stop() {
	_ = s.leash.Close()
	<-s.ended
}

func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a port for Prometheus: %w", err)
	}
	address := listener.Addr().String()
	return address, listener.Close()
}

// startTime is what a busy machine may take.
const startTime = time.Minute

func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	last := errors.New("it was not asked")
	for {
		select {
		case <-s.ended:
			return fmt.Errorf("prometheus ended (is it installed? On Debian: apt-get install prometheus): %s", s.log)
		case <-ctx.Done():
			return fmt.Errorf("prometheus is not ready after %s: %w: %s", startTime, last, s.log)
		case <-ticker.C:
		}
		if last = s.askReady(ctx); last == nil {
			return nil
		}
	}
}

func (s *Server) askReady(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Address+"/-/ready", http.NoBody)
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask whether it is ready: %w", err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}

// Log is what it has printed.
func (s *Server) Log() string { return s.log.String() }

// journal keeps the beginning of what is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const maxJournal = 64 << 10

func (j *journal) Write(data []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if room := maxJournal - j.text.Len(); room > 0 {
		j.text.Write(data[:min(room, len(data))])
	}
	return len(data), nil
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}
