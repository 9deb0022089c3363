// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/verify"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// signingKey is a new key, as a Secret holds it.
func signingKey(t *testing.T) (files map[string][]byte, public ed25519.PublicKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"tls.key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})}, public
}

// startSigning runs a gateway that signs with the Secret audit-key, if that is
// there.
func startSigning(t *testing.T, files map[string][]byte) *running {
	t.Helper()
	echo, ca, root := wstest.Echo(t), wstest.NewCA(t), wstest.NewRoot(t)
	config := baseConfig()
	config.Audit = &contract.Audit{SigningKey: &contract.SecretKey{Secret: "audit-key", Key: "tls.key"}}
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	if files != nil {
		root.Secret(t, "audit-key", files)
	}
	root.Config(t, config, endpoints(echo.Address))
	return start(t, root, ca, nil)
}

// talks opens a connection and closes it.
func (r *running) talks(t *testing.T) {
	t.Helper()
	response, _ := r.ask(t, "ws.example.com", request())
	if response.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d", response.StatusCode)
	}
}

// proven verifies the audit log with some keys.
func (r *running) proven(t *testing.T, keys ...ed25519.PublicKey) *verify.Report {
	t.Helper()
	v := verify.New(verify.Options{Keys: keys, Ended: true})
	if err := v.Read("audit", strings.NewReader(r.audit.String())); err != nil {
		t.Fatal(err)
	}
	return v.Report()
}

func TestAnotherSigningKeyIsNamedByTheOneBefore(t *testing.T) {
	t.Parallel()
	first, public := signingKey(t)
	second, next := signingKey(t)
	r := startSigning(t, first)
	r.talks(t)
	// The first checkpoint comes with the change at the latest, once one was signed.
	r.root.Secret(t, "audit-key", second)
	r.talks(t)
	r.end(t)
	report := r.proven(t, public, next)
	if len(report.Findings) > 0 || len(report.Streams) != 1 || !report.Streams[0].Complete || report.Streams[0].SignedUpTo != report.Streams[0].Last {
		t.Errorf("verified: %+v", report)
	}
	if text := r.audit.String() + r.logs.String(); strings.Contains(text, "PRIVATE") || strings.Contains(text, string(second["tls.key"][28:60])) {
		t.Error("a private key got into a log")
	}
}

func TestATroubledSigningKeyIsReportedAndStopsNobody(t *testing.T) {
	t.Parallel()
	good, public := signingKey(t)
	malformed := map[string][]byte{"tls.key": []byte("-----BEGIN PRIVATE KEY-----\nbm90IGEga2V5\n-----END PRIVATE KEY-----\n")}
	for name, tt := range map[string]struct {
		before, after map[string][]byte
		want          contract.ReportProblem
		signed        bool
	}{
		"it is not there":       {nil, nil, contract.ReportProblem{Reason: contract.ProblemSecretNotFound}, false},
		"it has another name":   {map[string][]byte{"key": good["tls.key"]}, nil, contract.ReportProblem{Reason: contract.ProblemSecretKeyNotFound}, false},
		"it is malformed":       {malformed, nil, contract.ReportProblem{Reason: contract.ProblemSecretInvalid}, false},
		"it has been malformed": {good, malformed, contract.ReportProblem{Reason: contract.ProblemSecretInvalid, Serving: true}, true},
		"it is good":            {good, nil, contract.ReportProblem{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			r := startSigning(t, tt.before)
			if tt.after != nil {
				r.root.Secret(t, "audit-key", tt.after)
			}
			until(t, func() string {
				got := contract.ReportProblem{}
				for _, problem := range r.report(t).Problems {
					got = contract.ReportProblem{Reason: problem.Reason, Serving: problem.Serving}
					if problem.Audit != contract.AuditSigning || problem.Secret != "audit-key" || problem.Key != "tls.key" {
						t.Fatalf("problem %+v", problem)
					}
				}
				return cmp.Diff(tt.want, got)
			})
			r.talks(t)
			r.end(t)
			report := r.proven(t, public)
			if signed := len(report.Findings) == 0; signed != tt.signed {
				t.Errorf("findings %v, want a signed log: %v", report.Findings, tt.signed)
			}
		})
	}
}

func TestSigningEndsAndBeginsWithTheConfiguration(t *testing.T) {
	t.Parallel()
	files, public := signingKey(t)
	r, echo := startBase(t, nil)
	r.root.Secret(t, "audit-key", files)
	config := baseConfig()
	config.Audit = &contract.Audit{SigningKey: &contract.SecretKey{Secret: "audit-key", Key: "tls.key"}}
	r.put(t, echo, config)
	r.talks(t)
	r.put(t, echo, baseConfig())
	r.talks(t)
	r.put(t, echo, config)
	r.end(t)
	if report := r.proven(t, public); len(report.Findings) > 0 {
		t.Errorf("findings %v", report.Findings)
	}
	last := ""
	for line := range strings.Lines(r.audit.String()) {
		record, err := audit.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		last = fmt.Sprintf("%s %s", record.Event, record.SigningKeyID)
	}
	if want := "checkpoint " + audit.KeyID(public); last != want {
		t.Errorf("the last record is %q, want %q", last, want)
	}
}
