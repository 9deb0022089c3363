// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// audited is a gateway whose audit sinks a test changes.
type audited struct {
	*running
	echo      *wstest.Upstream
	collector *wstest.LogCollector
	folder    string
	config    contract.Config
}

func startAudited(t *testing.T, wanted *contract.Audit, change func(*gateway.Options, *wstest.Root)) *audited {
	t.Helper()
	a := &audited{echo: wstest.Echo(t), folder: filepath.Join(t.TempDir(), "audit"), config: baseConfig()}
	a.collector = wstest.CollectLogs(t)
	ca, root := wstest.NewCA(t), wstest.NewRoot(t)
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com"))
	a.config.Audit = wanted
	root.Config(t, a.config, a.endpoints())
	a.running = start(t, root, ca, func(o *gateway.Options) {
		o.AuditFolder = a.folder
		if change != nil {
			change(o, root)
		}
	})
	return a
}

func (a *audited) endpoints() contract.Endpoints {
	known := endpoints(a.echo.Address)
	known.Backends["collector:4317"] = contract.BackendEndpoints{Service: a.collector.Address}
	return known
}

func (a *audited) apply(t *testing.T, wanted *contract.Audit) {
	t.Helper()
	a.config.Audit = wanted
	a.root.Config(t, a.config, a.endpoints())
	a.served(t, a.config)
}

// connect opens a connection and sees that the backend answers.
func (a *audited) connect(t *testing.T) *websocket.Conn {
	t.Helper()
	conn := a.dialer("public").MustDial(t, "wss://ws.example.com/chat")
	a.talk(t, conn)
	return conn
}

func (a *audited) talk(t *testing.T, conn *websocket.Conn) {
	t.Helper()
	if err := conn.WriteMessage(websocket.TextMessage, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, answer, err := conn.ReadMessage(); err != nil || string(answer) != "hello" {
		t.Fatalf("%q, %v", answer, err)
	}
}

// told waits until standard output holds as many openings.
func (a *audited) told(t *testing.T, connections int) {
	t.Helper()
	until(t, func() string {
		if got := len(a.audit.records(t, audit.EventOpened)); got < connections {
			return fmt.Sprintf("%d of %d openings on record", got, connections)
		}
		return ""
	})
}

// try opens a connection or not, and returns the answer.
func (a *audited) try(t *testing.T) *http.Response {
	t.Helper()
	conn, response, err := a.dialer("public").Dial(t.Context(), "wss://ws.example.com/chat")
	if err == nil {
		_ = conn.Close()
	}
	if response == nil {
		t.Fatalf("no answer: %v", err)
	}
	return response
}

// file returns the lines of the file. What is written of one when it is read is none
// yet: a reader may see any part of a write.
func (a *audited) file(t *testing.T) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(a.folder, "audit.log"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return slices.Collect(strings.Lines(string(data[:bytes.LastIndexByte(data, '\n')+1])))
}

// chained sees that lines are one stream without a gap, and counts its events.
func chained(t *testing.T, lines []string) map[audit.Event]int {
	t.Helper()
	counts := map[audit.Event]int{}
	previous := ""
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\n") + "\n"
		record, err := audit.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		if record.Sequence != uint64(i+1) || record.Previous != previous {
			t.Errorf("line %d has sequence %d and does not follow the line before", i+1, record.Sequence)
		}
		sum := sha256.Sum256([]byte(line))
		previous = hex.EncodeToString(sum[:])
		counts[record.Event]++
	}
	return counts
}

func toCollector() *contract.Audit {
	return &contract.Audit{OTLP: &contract.OTLP{Backend: "collector:4317"}}
}

func TestEachSinkGetsAStreamOfItsOwn(t *testing.T) {
	t.Parallel()
	wanted := toCollector()
	wanted.File = &contract.AuditFile{}
	a := startAudited(t, wanted, nil)
	a.connect(t)
	until(t, func() string {
		if len(a.collector.Bodies()) == 0 || len(a.file(t)) == 0 {
			return "a record in the file and one at the collector"
		}
		return ""
	})
	a.end(t)
	for name, lines := range map[string][]string{
		"stdout": slices.Collect(strings.Lines(a.audit.String())), "file": a.file(t), "otlp": a.collector.Bodies(),
	} {
		if got := chained(t, lines); got[audit.EventOpened] != 1 || got[audit.EventClosed] != 1 {
			t.Errorf("%s: %v, want one opened and one closed", name, got)
		}
		if record, err := audit.Parse([]byte(lines[0])); err != nil || record.Stream != name {
			t.Errorf("%s: the first line is of stream %q, %v", name, record.Stream, err)
		}
	}
	record := a.collector.Taken()[0].GetScopeLogs()[0].GetLogRecords()[0]
	if record.GetEventName() != "wsgateway.opened" && !strings.HasPrefix(record.GetEventName(), "wsgateway.") || record.GetTimeUnixNano() == 0 {
		t.Errorf("the record says of itself %v", record)
	}
}

func TestSinksChangeWithoutARestartAndStdoutCanBeTurnedOff(t *testing.T) {
	t.Parallel()
	a := startAudited(t, nil, nil)
	first := a.connect(t)
	a.told(t, 1)
	wanted := toCollector()
	wanted.WithoutStdout = true
	a.apply(t, wanted)
	before := len(a.audit.records(t, audit.EventOpened))
	a.connect(t)
	a.talk(t, first)
	until(t, func() string {
		if !strings.Contains(strings.Join(a.collector.Bodies(), "\n"), `"event.action":"opened"`) {
			return "the second connection at the collector"
		}
		return ""
	})
	if got := len(a.audit.records(t, audit.EventOpened)); got != before {
		t.Errorf("%d opened records at standard output, which is off, and %d before", got, before)
	}
	a.apply(t, nil)
	a.connect(t)
	until(t, func() string {
		if len(a.audit.records(t, audit.EventOpened)) == before {
			return "the third connection at standard output"
		}
		return ""
	})
	chained(t, a.collector.Bodies())
}

func TestRecordsWaitForACollectorThatIsDown(t *testing.T) {
	t.Parallel()
	a := startAudited(t, toCollector(), nil)
	a.collector.Stop()
	for range 5 {
		_ = a.connect(t).Close()
	}
	a.collector.Start(t)
	unwell := 2
	a.collector.Fail(func() error {
		if unwell--; unwell >= 0 {
			return status.Error(codes.Unauthenticated, "who are you?")
		}
		return nil
	})
	until(t, func() string {
		if got := strings.Count(strings.Join(a.collector.Bodies(), "\n"), `"event.action":"opened"`); got < 5 {
			return fmt.Sprintf("%d of 5 connections at the collector", got)
		}
		return ""
	})
	chained(t, a.collector.Bodies())
}

// stuck is standard output that nobody reads.
type stuck struct{ release chan struct{} }

func (s *stuck) Write(line []byte) (int, error) {
	<-s.release
	return len(line), nil
}

func TestNobodyWaitsForASinkThatBlocks(t *testing.T) {
	t.Parallel()
	out := &stuck{release: make(chan struct{})}
	a := startAudited(t, &contract.Audit{File: &contract.AuditFile{}}, func(o *gateway.Options, _ *wstest.Root) { o.Audit = out })
	for range 20 {
		_ = a.connect(t).Close()
	}
	until(t, func() string {
		if got := chained(t, a.file(t))[audit.EventOpened]; got < 20 {
			return fmt.Sprintf("%d of 20 connections in the file", got)
		}
		return ""
	})
	close(out.release)
}

func TestWithRefuseOverflowNobodyComesInUnrecordedAndNobodyIsSentAway(t *testing.T) {
	t.Parallel()
	a := startAudited(t, &contract.Audit{WithoutStdout: true, File: &contract.AuditFile{}, RefuseOverflow: true}, nil)
	before := a.connect(t)
	until(t, func() string {
		if len(a.file(t)) == 0 {
			return "the first record"
		}
		return ""
	})
	// The disk is full.
	path := filepath.Join(a.folder, "audit.log")
	kept := a.file(t)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	a.apply(t, &contract.Audit{WithoutStdout: true, File: &contract.AuditFile{MaxFiles: new(int32(3))}, RefuseOverflow: true})
	until(t, func() string {
		response := a.try(t)
		if response.StatusCode != http.StatusServiceUnavailable {
			return fmt.Sprintf("a refusal, not %d", response.StatusCode)
		}
		if response.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		return ""
	})
	a.talk(t, before)
	if _, _, body := a.get(t, "/metrics"); !strings.Contains(body, `reason="audit_unavailable"`) {
		t.Error("the metrics do not say why")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	until(t, func() string {
		if code := a.try(t).StatusCode; code != http.StatusSwitchingProtocols {
			return fmt.Sprintf("an admission, not %d", code)
		}
		return ""
	})
	a.talk(t, before)
	until(t, func() string {
		if got := strings.Join(a.file(t), ""); !strings.Contains(got, `"event.action":"gap"`) {
			return "the gap in the file"
		}
		return ""
	})
	if len(kept) == 0 {
		t.Error("nothing was recorded before")
	}
}

func TestIdentitiesAndAddressesAreKeptOutOfRecordsOnly(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("k", 32)
	a := startAudited(t, &contract.Audit{
		HashKey: &contract.SecretKey{Secret: "audit", Key: "hash.key"}, TruncateAddresses: true,
	}, func(o *gateway.Options, _ *wstest.Root) { o.PollInterval = 0 })
	a.connect(t)
	problem := func() contract.ReportProblem {
		for _, p := range a.report(t).Problems {
			if p.Audit == contract.AuditIdentities {
				return p
			}
		}
		return contract.ReportProblem{}
	}
	if got := problem(); got.Reason != contract.ProblemSecretNotFound || got.Secret != "audit" || got.Serving {
		t.Errorf("problem %+v, want that the Secret is not there", got)
	}
	a.told(t, 1)
	for _, record := range a.audit.records(t, audit.EventOpened) {
		if record.ClientIP != "" || record.ClientNetwork != "127.0.0.0/24" {
			t.Errorf("the address is told: %+v", record)
		}
	}
	a.root.Secret(t, "audit", map[string][]byte{"hash.key": []byte("short")})
	until(t, func() string {
		if got := problem(); got.Reason != contract.ProblemSecretInvalid {
			return fmt.Sprintf("SecretInvalid, not %+v", got)
		}
		return ""
	})
	a.root.Secret(t, "audit", map[string][]byte{"hash.key": []byte(key)})
	until(t, func() string { return string(problem().Reason) })
	a.root.Secret(t, "audit", map[string][]byte{"hash.key": []byte("short")})
	until(t, func() string {
		if got := problem(); !got.Serving {
			return fmt.Sprintf("that the last good key serves, not %+v", got)
		}
		return ""
	})
	if strings.Contains(a.logs.String(), key) || strings.Contains(a.audit.String(), key) {
		t.Error("the key is written down")
	}
}

func TestAFileNeedsAFolderOfTheProcess(t *testing.T) {
	t.Parallel()
	a := startAudited(t, &contract.Audit{WithoutStdout: true, File: &contract.AuditFile{}}, func(o *gateway.Options, _ *wstest.Root) { o.AuditFolder = "" })
	a.connect(t)
	if problems := a.report(t).Problems; !slices.ContainsFunc(problems, func(p contract.ReportProblem) bool {
		return p.Audit == contract.AuditFileSink && p.Reason == contract.ProblemAuditSinkFailing
	}) {
		t.Errorf("problems %+v", problems)
	}
	until(t, func() string {
		if len(a.audit.records(t, audit.EventOpened)) == 0 {
			return "a record somewhere rather than nowhere"
		}
		return ""
	})
}

func TestANewTokenOfACollectorBeginsNoNewStream(t *testing.T) {
	t.Parallel()
	ca := wstest.NewCA(t)
	pair := ca.Issue(t, "collector.default.svc")
	certificate := keyPair(t, pair)
	wanted := toCollector()
	wanted.OTLP.CABundle, wanted.OTLP.ServerName, wanted.OTLP.HeadersSecret = string(ca.PEM), "collector.default.svc", "headers"
	a := startAudited(t, nil, nil)
	a.collector.Stop()
	a.collector.Start(t, certificate)
	a.root.Secret(t, "headers", map[string][]byte{"authorization": []byte("Bearer one")})
	a.apply(t, wanted)
	arrives := func(token string) {
		t.Helper()
		until(t, func() string {
			_ = a.connect(t).Close()
			if tokens := a.collector.Tokens(); len(tokens) == 0 || tokens[len(tokens)-1] != token {
				return fmt.Sprintf("%s, not %v", token, tokens)
			}
			return ""
		})
	}
	arrives("Bearer one")
	a.root.Secret(t, "headers", map[string][]byte{"authorization": []byte("Bearer two")})
	arrives("Bearer two")
	chained(t, a.collector.Bodies())
	if text := a.logs.String() + a.audit.String(); strings.Contains(text, "Bearer") {
		t.Error("a token is written down")
	}
}

// keyPair makes a gRPC server speak TLS.
func keyPair(t *testing.T, pair wstest.Pair) grpc.ServerOption {
	t.Helper()
	loaded, err := tls.X509KeyPair(pair.Certificate, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return grpc.Creds(credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{loaded}}))
}
