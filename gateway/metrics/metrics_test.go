// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/metrics"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func scrape(t *testing.T, set *metrics.Set) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	set.Handler().ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	if recorder.Code != 200 {
		t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	return recorder.Body.String()
}

// series returns the lines that are values.
func series(text string) map[string]string {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !strings.HasPrefix(line, "#") && name != "" {
			values[name] = value
		}
	}
	return values
}

func TestMetricsOfALife(t *testing.T) {
	t.Parallel()
	set := metrics.New()
	set.WatchAudit(func() metrics.AuditStats { return metrics.AuditStats{Queued: 3, Written: 5, Lost: 7} })
	set.Keep([]string{"chat", "idle"}, []string{"public"})
	set.Opened("chat")
	set.Opened("chat")
	set.Closed("chat", outcome.DrainingClosure, 90*time.Second)
	set.Refused(outcome.BadCredential)
	set.Handshake(metrics.PhaseTLS, 10*time.Millisecond)
	set.Traffic(metrics.FromClient, 2, 300)
	set.Traffic(metrics.FromClient, 1, 50)
	set.FileLoaded("config.json", true, time.Unix(1_700_000_000, 0))
	set.FileLoaded("config.json", false, time.Unix(1_700_000_100, 0))
	set.CertificateLoaded("public", true, time.Unix(1_800_000_000, 0))
	set.CertificateLoaded("public", false, time.Time{})
	set.UpstreamDialFailed()
	set.KeySetFetched(nil)
	set.KeySetFetched(errors.New("x"))
	set.Problems(4)
	set.Draining(true)
	got := series(scrape(t, set))
	for name, want := range map[string]string{
		`wsgateway_connections_active{route="chat"}`:                           "1",
		`wsgateway_connections_active{route="idle"}`:                           "0",
		`wsgateway_connections_opened_total{route="chat"}`:                     "2",
		`wsgateway_connections_opened_total{route="idle"}`:                     "0",
		`wsgateway_connections_closed_total{reason="draining"}`:                "1",
		`wsgateway_connections_closed_total{reason="idle_timeout"}`:            "0",
		`wsgateway_connection_duration_seconds_sum`:                            "90",
		`wsgateway_handshakes_refused_total{reason="bad_credential"}`:          "1",
		`wsgateway_handshakes_refused_total{reason="no_route"}`:                "0",
		`wsgateway_handshake_duration_seconds_bucket{phase="tls",le="0.005"}`:  "0",
		`wsgateway_handshake_duration_seconds_bucket{phase="tls",le="0.025"}`:  "1",
		`wsgateway_handshake_duration_seconds_count{phase="total"}`:            "0",
		`wsgateway_messages_total{direction="from_client"}`:                    "3",
		`wsgateway_message_bytes_total{direction="from_client"}`:               "350",
		`wsgateway_message_bytes_total{direction="to_client"}`:                 "0",
		`wsgateway_config_loads_total{file="config.json",result="failed"}`:     "1",
		`wsgateway_config_loads_total{file="endpoints.json",result="ok"}`:      "0",
		`wsgateway_config_in_force_timestamp_seconds{file="config.json"}`:      "1.7e+09",
		`wsgateway_certificate_not_after_timestamp_seconds{listener="public"}`: "1.8e+09",
		`wsgateway_certificate_loads_total{listener="public",result="failed"}`: "1",
		`wsgateway_upstream_dial_failures_total`:                               "1",
		`wsgateway_key_set_fetches_total{result="failed"}`:                     "1",
		`wsgateway_config_problems`:                                            "4",
		`wsgateway_draining`:                                                   "1",
		`wsgateway_audit_queued_records`:                                       "3",
		`wsgateway_audit_written_records_total`:                                "5",
		`wsgateway_audit_lost_events_total`:                                    "7",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
	set.Draining(false)
	if got := series(scrape(t, set))["wsgateway_draining"]; got != "0" {
		t.Errorf("draining = %s after it was taken back", got)
	}
}

// A reader's storage is paid per series.
func TestSeriesAreFew(t *testing.T) {
	t.Parallel()
	set := metrics.New()
	set.WatchAudit(func() metrics.AuditStats { return metrics.AuditStats{} })
	for _, file := range []string{"config.json", "endpoints.json", "revocations.json"} {
		set.FileLoaded(file, true, time.Unix(1, 0))
	}
	names := series(scrape(t, set))
	if len(names) > 150 {
		t.Errorf("%d series besides routes and listeners, want at most 150", len(names))
	}
	for name := range names {
		if !strings.HasPrefix(name, "wsgateway_") {
			t.Errorf("series %s is not ours", name)
		}
	}
	before := len(names)
	set.Keep([]string{"a", "b"}, []string{"public"})
	set.CertificateLoaded("public", true, time.Unix(1, 0))
	if got := len(series(scrape(t, set))) - before; got != 2*2+3 {
		t.Errorf("%d further series for two routes and a listener, want 7", got)
	}
}

func TestSeriesOfWhatIsGoneGo(t *testing.T) {
	t.Parallel()
	set := metrics.New()
	set.Keep([]string{"a", "b", "busy"}, []string{"one", "two"})
	set.CertificateLoaded("one", true, time.Unix(1, 0))
	set.CertificateLoaded("two", true, time.Unix(1, 0))
	set.Opened("busy")
	named := func() []string {
		var names []string
		for name := range series(scrape(t, set)) {
			for _, label := range []string{"a", "b", "busy", "one", "two"} {
				if strings.Contains(name, `"`+label+`"`) && !strings.Contains(name, "certificate_loads") && !strings.Contains(name, "opened") {
					names = append(names, label)
				}
			}
		}
		return names
	}
	set.Keep([]string{"a"}, []string{"two"})
	sortStrings := cmp.Transformer("set", func(list []string) map[string]bool {
		all := map[string]bool{}
		for _, name := range list {
			all[name] = true
		}
		return all
	})
	if diff := cmp.Diff([]string{"a", "busy", "two"}, named(), sortStrings); diff != "" {
		t.Errorf("with an open connection of a removed route (-want +got):\n%s", diff)
	}
	set.Closed("busy", outcome.RouteRemoved, time.Second)
	set.Closed("busy", outcome.RouteRemoved, time.Second)
	set.Closed("never", outcome.RouteRemoved, time.Second)
	if diff := cmp.Diff([]string{"a", "two"}, named(), sortStrings); diff != "" {
		t.Errorf("after its end (-want +got):\n%s", diff)
	}
}

func TestNamesFollowTheConventions(t *testing.T) {
	t.Parallel()
	set := metrics.New()
	set.WatchAudit(func() metrics.AuditStats { return metrics.AuditStats{} })
	set.Keep([]string{"a"}, []string{"b"})
	problems, err := promlint.New(strings.NewReader(scrape(t, set))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) != 0 {
		t.Errorf("promlint: %+v", problems)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	set := metrics.New()
	var users sync.WaitGroup
	for i := range 8 {
		users.Go(func() {
			route := fmt.Sprint("r", i%3)
			for range 100 {
				set.Opened(route)
				set.Traffic(metrics.ToClient, 1, 10)
				set.Keep([]string{"r0", "r1"}, []string{"public"})
				set.CertificateLoaded("public", true, time.Unix(1, 0))
				set.Closed(route, outcome.ClientClosed, time.Second)
			}
		})
	}
	users.Wait()
	got := series(scrape(t, set))
	if got[`wsgateway_connections_closed_total{reason="client_closed"}`] != "800" || got[`wsgateway_connections_active{route="r0"}`] != "0" {
		t.Errorf("after 800 connections: %v", got)
	}
}
