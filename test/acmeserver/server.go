// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Package acmeserver runs a real ACME server for tests: pebble, which is Let's Encrypt's
// own, beside the DNS server that it asks. Answers to DNS-01 challenges are put into
// that DNS by cert-manager, which speaks the protocol of acme-dns to us.
package acmeserver

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/test/leash"
)

// Refused is the name for which the ACME server takes no orders.
const Refused = "refused.acme.example.com"

// Unpublished is the account of acme-dns whose records never get into the DNS.
const Unpublished = "unpublished"

// startTime is what a busy machine may take.
const startTime = time.Minute

// Programs are the paths of what is run: hack/tool.sh builds them.
type Programs struct{ Pebble, DNS string }

// Server is a running ACME server. Everybody who reaches the host's address can use it;
// what is behind it listens on the loopback address only.
type Server struct {
	// Directory is where clients begin, and CA what they have to trust for that.
	Directory string
	CA        []byte
	// Updates is the base address of acme-dns.
	Updates string
	// Nobody is the address of a server that is not there.
	Nobody string

	roots  string
	client *http.Client
	ends   []func()
}

// Start runs the server at an address of this host. Its files are in the folder.
func Start(ctx context.Context, programs Programs, folder, host string) (*Server, error) {
	s := &Server{}
	if err := s.start(ctx, programs, folder, host); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Stop ends it and waits for that.
func (s *Server) Stop() {
	for _, end := range s.ends {
		end()
	}
	s.ends = nil
}

func (s *Server) start(ctx context.Context, programs Programs, folder, host string) error {
	ports, err := freePorts(ctx, host, 5)
	if err != nil {
		return err
	}
	directory, management := net.JoinHostPort(host, ports[0]), net.JoinHostPort("127.0.0.1", ports[1])
	dns, records := net.JoinHostPort("127.0.0.1", ports[2]), net.JoinHostPort("127.0.0.1", ports[3])
	s.Directory, s.roots = "https://"+directory+"/dir", "https://"+management+"/roots/0"
	s.Nobody = "https://" + net.JoinHostPort(host, ports[4]) + "/dir"
	config, err := s.write(folder, host, directory, management)
	if err != nil {
		return err
	}
	if err := s.run(folder, programs.DNS, "-dnsserver", dns, "-management", records, "-http01=", "-https01=", "-tlsalpn01=", "-doh="); err != nil {
		return err
	}
	// Without these, it waits some seconds before it looks, and refuses nonces for practice.
	environment := []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=0"}
	if err := s.run(folder, "env", append(environment, programs.Pebble, "-config", config, "-dnsserver", dns)...); err != nil {
		return err
	}
	if err := s.acmeDNS(ctx, host, "http://"+records+"/set-txt"); err != nil {
		return err
	}
	return s.ready(ctx, folder)
}

// write makes a certificate for the server and its configuration.
func (s *Server) write(folder, host, directory, management string) (config string, err error) {
	pair, err := newPair(host)
	if err != nil {
		return "", err
	}
	s.CA = pair.certificate
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pair.certificate)
	s.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
	}}
	path := func(name string) string { return filepath.Join(folder, name) }
	settings, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": directory, "managementListenAddress": management,
		"certificate": path("server.crt"), "privateKey": path("server.key"),
		"domainBlocklist": []string{Refused}, "keyAlgorithm": "ecdsa", "retryAfter": map[string]int{"authz": 1, "order": 1},
	}})
	if err != nil {
		return "", fmt.Errorf("write the configuration of pebble: %w", err)
	}
	for name, content := range map[string][]byte{"server.crt": pair.certificate, "server.key": pair.key, "pebble.json": settings} {
		if err := os.WriteFile(path(name), content, 0o600); err != nil {
			return "", fmt.Errorf("write the files of pebble: %w", err)
		}
	}
	return path("pebble.json"), nil
}

func (s *Server) run(folder, program string, args ...string) error {
	command, end, err := leash.Command(program, args...)
	if err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("keep what %s prints: %w", program, err)
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return errors.Join(fmt.Errorf("start %s: %w", program, err), log.Close())
	}
	s.ends = append(s.ends, func() {
		_ = end.Close()
		_ = command.Wait()
		_ = log.Close()
	})
	return nil
}

// acmeDNS answers cert-manager as acme-dns would, with an account for each name: the
// subdomain of an account is the name that its records are for.
func (s *Server) acmeDNS(ctx context.Context, host, records string) error {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return fmt.Errorf("listen for acme-dns: %w", err)
	}
	server := &http.Server{ReadHeaderTimeout: startTime, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.update(r, records); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	s.ends = append(s.ends, func() {
		_ = server.Close()
		<-done
	})
	s.Updates = "http://" + listener.Addr().String()
	return nil
}

func (s *Server) update(r *http.Request, records string) error {
	var wanted struct {
		Subdomain string `json:"subdomain"`
		Text      string `json:"txt"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 4096)).Decode(&wanted); err != nil {
		return fmt.Errorf("read the update: %w", err)
	}
	if wanted.Subdomain == Unpublished {
		return nil
	}
	record, err := json.Marshal(map[string]string{"host": "_acme-challenge." + wanted.Subdomain + ".", "value": wanted.Text})
	if err != nil {
		return fmt.Errorf("write the record: %w", err)
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, records, bytes.NewReader(record))
	if err != nil {
		return fmt.Errorf("build request: %w", err)
	}
	_, err = answerOf(http.DefaultClient, request)
	return err
}

// ready waits until it answers.
func (s *Server) ready(ctx context.Context, folder string) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		_, err := s.get(ctx, s.Directory)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			printed, _ := os.ReadFile(filepath.Join(folder, "log"))
			return fmt.Errorf("pebble is not ready: %w: %s", err, printed)
		case <-ticker.C:
		}
	}
}

// Root is the certificate, in PEM, that clients of what it issues have to trust.
func (s *Server) Root(ctx context.Context) ([]byte, error) { return s.get(ctx, s.roots) }

func (s *Server) get(ctx context.Context, address string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("build request: %w", err)
	}
	return answerOf(s.client, request)
}

func answerOf(client *http.Client, request *http.Request) ([]byte, error) {
	answer, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %s", request.URL, answer.Status)
	}
	return said, nil
}

// freePorts finds ports that nobody has at the address. All are held until the last
// one is found, so that they differ.
func freePorts(ctx context.Context, host string, count int) ([]string, error) {
	var ports []string
	var config net.ListenConfig
	for range count {
		listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return nil, fmt.Errorf("find a port for the ACME server: %w", err)
		}
		defer func() { _ = listener.Close() }()
		_, port, err := net.SplitHostPort(listener.Addr().String())
		if err != nil {
			return nil, fmt.Errorf("find a port for the ACME server: %w", err)
		}
		ports = append(ports, port)
	}
	return ports, nil
}
