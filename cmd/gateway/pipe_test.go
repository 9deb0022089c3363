// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

// asProgram makes this test binary the program itself.
const asProgram = "WSGATEWAY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// A log collector that goes away takes the audit records, not the connections.
func TestNobodyReadingTheAuditRecordsDoesNotEndTheGateway(t *testing.T) {
	t.Parallel()
	root, port := t.TempDir(), freePort(t)
	data, err := contract.Encode(contract.Config{
		Version: contract.Version, Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"},
		Listeners: []contract.Listener{{
			Name: "public", Port: 443, BindPort: port, Hostnames: []string{"ws.example.com"}, MinTLSVersion: "1.2", CertificateSecret: "none",
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(root, contract.ConfigFolder)
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, contract.ConfigFile), data, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	program := exec.CommandContext(t.Context(), os.Args[0], "--root", root, "--admin-address", "", "--control-address", "", "--drain-window", "1s")
	program.Env, program.Stdout = append(os.Environ(), asProgram+"=1"), writer
	if err := program.Start(); err != nil {
		t.Fatal(err)
	}
	_ = writer.Close()
	_ = reader.Close()
	ended := make(chan error, 1)
	go func() { ended <- program.Wait() }()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port)))
	for deadline, refused := time.Now().Add(time.Minute), 0; refused < 3; time.Sleep(20 * time.Millisecond) {
		// Each refused handshake is a record.
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = tls.Client(conn, &tls.Config{ServerName: "ws.example.com"}).Handshake()
			_ = conn.Close()
			refused++
		}
		select {
		case err := <-ended:
			t.Fatalf("the gateway has ended: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody listens: %v", err)
		}
	}
	_ = program.Process.Signal(syscall.SIGTERM)
	if err := <-ended; err != nil {
		t.Errorf("the gateway ended with %v", err)
	}
}

func freePort(t *testing.T) int32 {
	t.Helper()
	socket, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	return int32(socket.Addr().(*net.TCPAddr).Port)
}
