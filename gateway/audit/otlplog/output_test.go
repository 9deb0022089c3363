// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package otlplog_test

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit/otlplog"
	"github.com/wsgateway/websocket-gateway-operator/gateway/otlp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers each attempt with the next of its answers, and then with the
// last one for ever.
type server struct {
	mu       sync.Mutex
	answers  []answer
	attempts []time.Duration
	begin    time.Time
	taken    []*logsv1.LogsData
}

type answer struct {
	err     error
	refused int64
	// takes is how long it takes to answer.
	takes time.Duration
}

func (s *server) SendEncoded(ctx context.Context, signal otlp.Signal, message *otlp.Message) (int64, error) {
	s.mu.Lock()
	now := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	s.attempts = append(s.attempts, time.Since(s.begin))
	s.mu.Unlock()
	timer := time.NewTimer(now.takes)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return 0, &otlp.Failure{Verdict: otlp.Away}
	}
	if now.err != nil {
		return 0, now.err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	data := &logsv1.LogsData{}
	if err := proto.Unmarshal(message.Bytes(), data); err != nil || signal != otlp.Logs {
		return 0, errors.New("no logs")
	}
	s.taken = append(s.taken, data)
	return now.refused, nil
}

func outputTo(s *server) *otlplog.Output {
	s.begin = time.Now()
	return otlplog.New(otlplog.Options{
		Client: s, Gateway: "default/edge", Pod: "edge-0", BootID: "b7Qm2", Now: time.Now, Random: func() float64 { return 0.5 },
	})
}

func write(t *testing.T, o *otlplog.Output, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if n, err := o.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatalf("write: %d, %v", n, err)
		}
	}
}

func TestWhatBecomesOfLines(t *testing.T) {
	t.Parallel()
	away := answer{err: &otlp.Failure{Verdict: otlp.Away}}
	unwell := answer{err: &otlp.Failure{Verdict: otlp.Unwell}}
	for _, tt := range []struct {
		name    string
		answers []answer
		lost    int
		took    time.Duration
		tries   int
	}{
		{"a server that takes them gets them once", []answer{{}}, 0, 0, 1},
		{"a slow server is waited for", []answer{{takes: 9 * time.Second}}, 0, 9 * time.Second, 1},
		{"a server that hangs is asked again", []answer{{takes: time.Hour}, {}}, 0, 10*time.Second + 500*time.Millisecond, 2},
		{"a server that is away is asked again, less and less often", []answer{away, away, away, {}}, 0, 3500 * time.Millisecond, 4},
		{"a server that wants to be left alone is", []answer{{err: &otlp.Failure{Verdict: otlp.Away, Wait: time.Minute}}, {}}, 0, time.Minute, 2},
		{"a server that fails is not asked for ever", []answer{unwell}, 3, 61500 * time.Millisecond, 8},
		{"lines that are refused are lost at once", []answer{{err: &otlp.Failure{Verdict: otlp.Refused}}}, 3, 0, 1},
		{"lines of which some are refused are lost in part", []answer{{refused: 2}}, 2, 0, 1},
		{"no more is lost than was sent", []answer{{refused: 99}}, 3, 0, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &server{answers: tt.answers}
				o := outputTo(s)
				defer o.Stop()
				write(t, o, "{}\n", "{}\n", "{}\n")
				if lost := o.Flush(); lost != tt.lost {
					t.Errorf("%d lines lost, want %d", lost, tt.lost)
				}
				if took := time.Since(s.begin); took != tt.took || len(s.attempts) != tt.tries {
					t.Errorf("%d attempts in %v, want %d in %v: %v", len(s.attempts), took, tt.tries, tt.took, s.attempts)
				}
				if again := o.Flush(); again != 0 {
					t.Errorf("%d lines lost of none", again)
				}
			})
		})
	}
}

func TestAnOutputThatIsStoppedGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: []answer{{err: &otlp.Failure{Verdict: otlp.Away}}}}
		o := outputTo(s)
		write(t, o, "{}\n", "{}\n")
		go func() {
			time.Sleep(time.Hour)
			if o.Trouble() == "" && len(s.attempts) == 0 {
				t.Error("nothing was tried for an hour")
			}
			o.Stop()
		}()
		if lost := o.Flush(); lost != 2 {
			t.Errorf("%d lines lost, want 2", lost)
		}
		if took := time.Since(s.begin); took != time.Hour {
			t.Errorf("it took %v", took)
		}
		write(t, o, "{}\n")
		if lost := o.Flush(); lost != 1 || time.Since(s.begin) != time.Hour {
			t.Error("a stopped output waits again")
		}
	})
}

func TestTroubleIsToldWhileItLasts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &server{answers: []answer{{err: fmt.Errorf("first: %w", &otlp.Failure{Verdict: otlp.Away})}, {}}}
		o := outputTo(s)
		defer o.Stop()
		write(t, o, "{}\n")
		done := make(chan struct{})
		go func() {
			defer close(done)
			o.Flush()
		}()
		time.Sleep(100 * time.Millisecond)
		if o.Trouble() == "" {
			t.Error("no trouble is told")
		}
		<-done
		if text := o.Trouble(); text != "" {
			t.Errorf("trouble is told that is over: %s", text)
		}
	})
}

func TestARecordIsALineAndWhatItIsChosenBy(t *testing.T) {
	t.Parallel()
	s := &server{answers: []answer{{}}}
	o := outputTo(s)
	defer o.Stop()
	const line = `{"@timestamp":"2026-03-04T12:00:00.5Z","event.action":"denied","event.reason":"no_route","trace.id":"0af7651916cd43dd8448eb211c80319c","x":"\"é"}`
	write(t, o, line+"\n", "no record of ours\n")
	o.Flush()
	resource := s.taken[0].GetResourceLogs()[0]
	attributes := map[string]string{}
	for _, a := range resource.GetResource().GetAttributes() {
		attributes[a.GetKey()] = a.GetValue().GetStringValue()
	}
	want := map[string]string{
		"service.name": "wsgateway", "service.namespace": "default", "service.instance.id": "b7Qm2",
		"k8s.namespace.name": "default", "k8s.pod.name": "edge-0", "wsgateway.gateway": "edge",
	}
	if diff := cmp.Diff(want, attributes); diff != "" {
		t.Errorf("resource (-want +got):\n%s", diff)
	}
	records := resource.GetScopeLogs()[0].GetLogRecords()
	first := records[0]
	if first.GetBody().GetStringValue() != line || first.GetEventName() != "wsgateway.denied" ||
		first.GetSeverityNumber() != logsv1.SeverityNumber_SEVERITY_NUMBER_WARN ||
		first.GetTimeUnixNano() != uint64(time.Date(2026, 3, 4, 12, 0, 0, 500_000_000, time.UTC).UnixNano()) {
		t.Errorf("the record is %v", first)
	}
	if got := hex.EncodeToString(first.GetTraceId()); got != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the record is of trace %q", got)
	}
	if diff := cmp.Diff("denied no_route", text(first.GetAttributes())); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if second := records[1]; second.GetBody().GetStringValue() != "no record of ours" || second.GetTimeUnixNano() != 0 || second.GetEventName() != "" || len(second.GetTraceId()) != 0 {
		t.Errorf("what is no record is sent as %v", second)
	}
}

func text(attributes []*commonv1.KeyValue) string {
	joined := ""
	for i, a := range attributes {
		if i > 0 {
			joined += " "
		}
		joined += a.GetValue().GetStringValue()
	}
	return joined
}
