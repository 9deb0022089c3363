// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/verify"
)

// auditLog writes a log of ten connections, signed with a key whose public half
// it writes beside it.
func auditLog(t *testing.T) (log, public string) {
	t.Helper()
	folder := t.TempDir()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := audit.ParseSigner(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	log, public = filepath.Join(folder, "audit.log"), filepath.Join(folder, "audit.pub")
	write(t, public, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	var out bytes.Buffer
	records := audit.New(audit.Options{Sinks: []audit.Sink{{Out: &out}}, Pod: "edge-0", BootID: "b7Qm2", Now: time.Now})
	records.Sign(signer)
	for i := range 10 {
		records.Opened(&audit.Connection{ID: fmt.Sprint(i), Subject: "alice", OpenedAt: time.Now()})
	}
	if err := records.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	write(t, log, out.String())
	return log, public
}

func verified(t *testing.T, stdin string, args ...string) (out, log string, exit int) {
	t.Helper()
	cmd := exec.Command(plainProgram, append([]string{"audit", "verify"}, args...)...)
	var stdout, stderr strings.Builder
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

func TestAuditVerify(t *testing.T) {
	t.Parallel()
	file, public := auditLog(t)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	edited := filepath.Join(t.TempDir(), "edited.log")
	write(t, edited, strings.Replace(text, "alice", "eve", 1))
	for name, tt := range map[string]struct {
		stdin string
		args  []string
		want  string
		exit  int
	}{
		"an intact log":            {args: []string{file}, want: "10 opened, 0 closed, 10 still open"},
		"with its key":             {args: []string{"--public-key", public, "--ended", file}, want: "signed   up to the sequence 11"},
		"an edited one":            {args: []string{edited}, want: edited + ":1: edited: boot b7Qm2, sequence 1", exit: 1},
		"standard input":           {stdin: text, args: []string{"-"}, want: "end      complete"},
		"a log without an end":     {stdin: text[:len(text)/2], args: []string{"-"}, want: "end      none"},
		"which there should be":    {stdin: text[:len(text)/2], args: []string{"--ended", "-"}, want: "no_end", exit: 1},
		"a beginning is missing":   {stdin: text[strings.Index(text, "\n")+1:], args: []string{"-"}, want: "standard input:1: no_beginning", exit: 1},
		"and may be":               {stdin: text[strings.Index(text, "\n")+1:], args: []string{"--partial", "-"}, want: "10 still open"},
		"no audit log at all":      {stdin: "hello\n", args: []string{"-"}, want: "there is no audit record", exit: 1},
		"no file":                  {want: "no file: name one", exit: 2},
		"a file that is not there": {args: []string{"/nonexistent/audit.log"}, want: "no such file", exit: 1},
		"a key that is none":       {args: []string{"--public-key", file, file}, want: "no PEM block PUBLIC KEY", exit: 1},
		"an output of its own":     {args: []string{"-o", "xml", file}, want: `--output "xml"`, exit: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, log, exit := verified(t, tt.stdin, tt.args...)
			if exit != tt.exit || !strings.Contains(out+log, tt.want) {
				t.Errorf("exit %d, want %d and %q in\n%s%s", exit, tt.exit, tt.want, out, log)
			}
		})
	}
	out, _, exit := verified(t, text, "-o", "json", "-")
	var report verify.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil || exit != 0 || len(report.Streams) != 1 || report.Streams[0].Open != 10 {
		t.Errorf("exit %d, %v: %s", exit, err, out)
	}
}
