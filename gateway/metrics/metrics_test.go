// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package metrics_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http/httptest"
	"strconv"
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
	return ask(t, set, "")
}

func ask(t *testing.T, set *metrics.Set, accept string) string {
	t.Helper()
	recorder := httptest.NewRecorder()
	request := httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil)
	request.Header.Set("Accept", accept)
	set.Handler().ServeHTTP(recorder, request)
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

// watch gives a set figures to ask for.
func watch(set *metrics.Set) *metrics.Set {
	set.Watch(metrics.Sources{
		Audit: func() []metrics.AuditStats {
			return []metrics.AuditStats{{Sink: "stdout", Queued: 3, Capacity: 8, Written: 5, Lost: 7}}
		},
		Endpoints:       func() (available, failing int) { return 6, 1 },
		MaxConnections:  func() int32 { return 10_000 },
		RevalidationLag: func() float64 { return 0.5 },

		HandshakesWaiting: func() int { return 9 },
		Loops: func() metrics.LoopStats {
			return metrics.LoopStats{Turns: 12, Longest: 3 * time.Millisecond, BuffersFound: true}
		},
	})
	return set
}

func TestMetricsOfALife(t *testing.T) {
	t.Parallel()
	set := watch(metrics.New())
	set.Build("v1.2.3")
	set.Keep([]string{"chat", "idle"}, []string{"public"})
	set.Opened("chat")
	set.Opened("chat")
	set.Closed("chat", outcome.DrainingClosure, 90*time.Second)
	set.Refused("", outcome.Refuse(outcome.UnknownServerName, ""))
	set.Refused("chat", outcome.Refuse(outcome.BadCredential, ""))
	set.Refused("chat", outcome.Refuse(outcome.UpstreamTimeout, ""))
	set.Refused("removed", outcome.Refuse(outcome.UpstreamTimeout, ""))
	set.Secured(tls.VersionTLS13, tls.X25519MLKEM768, false)
	set.Secured(tls.VersionTLS12, tls.CurveP521, true)
	set.Handshake(metrics.PhaseTLS, 10*time.Millisecond)
	set.Established(30*time.Millisecond, "")
	set.Established(30*time.Millisecond, "0af7651916cd43dd8448eb211c80319c")
	set.Spans("exported", 3)
	set.Traffic(metrics.FromClient, 2, 300)
	set.Traffic(metrics.FromClient, 1, 50)
	set.FileInForce("config.json", time.Unix(1_700_000_000, 0))
	set.FileFailed("config.json")
	set.CertificateServed("public", "01", time.Unix(1_700_000_000, 0))
	set.CertificateServed("public", "0a", time.Unix(1_800_000_000, 0))
	set.CertificateFailed("public")
	set.UpstreamDialFailed()
	set.KeySetFetched(nil)
	set.KeySetFetched(errors.New("x"))
	set.Problems(4)
	set.Draining(7, time.Unix(1_900_000_000, 0))
	got := series(scrape(t, set))
	for name, want := range map[string]string{
		`wsgateway_build_info{version="v1.2.3"}`:                               "1",
		`wsgateway_connections_active{route="chat"}`:                           "1",
		`wsgateway_connections_active{route="idle"}`:                           "0",
		`wsgateway_connections_active{route="removed"}`:                        "",
		`wsgateway_connections_limit`:                                          "10000",
		`wsgateway_tls_handshakes_waiting`:                                     "9",
		`wsgateway_relay_turns_total`:                                          "12",
		`wsgateway_relay_longest_turn_seconds`:                                 "0.003",
		`wsgateway_relay_buffers_found`:                                        "1",
		`wsgateway_revalidation_lag_ratio`:                                     "0.5",
		`wsgateway_handshakes_total{outcome="accepted",route="chat"}`:          "2",
		`wsgateway_handshakes_total{outcome="denied",route="chat"}`:            "1",
		`wsgateway_handshakes_total{outcome="failed",route="chat"}`:            "1",
		`wsgateway_handshakes_total{outcome="accepted",route="idle"}`:          "0",
		`wsgateway_connections_closed_total{reason="draining"}`:                "1",
		`wsgateway_connections_closed_total{reason="relay_failed"}`:            "0",
		`wsgateway_connections_closed_total{reason="idle_timeout"}`:            "",
		`wsgateway_connection_duration_seconds_sum`:                            "90",
		`wsgateway_handshakes_refused_total{reason="bad_credential"}`:          "1",
		`wsgateway_handshakes_refused_total{reason="upstream_timeout"}`:        "2",
		`wsgateway_handshakes_refused_total{reason="no_certificate"}`:          "0",
		`wsgateway_handshakes_refused_total{reason="no_route"}`:                "",
		`wsgateway_handshake_duration_seconds_bucket{le="0.01"}`:               "0",
		`wsgateway_handshake_duration_seconds_bucket{le="0.05"}`:               "2",
		`wsgateway_trace_spans_total{result="exported"}`:                       "3",
		`wsgateway_handshake_phase_duration_seconds_sum{phase="tls"}`:          "0.01",
		`wsgateway_handshake_phase_duration_seconds_count{phase="upstream"}`:   "0",
		`wsgateway_tls_handshakes_total{group="X25519MLKEM768",version="1.3"}`: "1",
		`wsgateway_tls_handshakes_total{group="other",version="1.2"}`:          "1",
		`wsgateway_tls_resumptions_total`:                                      "1",
		`wsgateway_messages_total{direction="from_client"}`:                    "3",
		`wsgateway_message_bytes_total{direction="from_client"}`:               "350",
		`wsgateway_message_bytes_total{direction="to_client"}`:                 "0",
		`wsgateway_config_load_failures_total{file="config.json"}`:             "1",
		`wsgateway_config_load_failures_total{file="endpoints.json"}`:          "0",
		`wsgateway_config_in_force_timestamp_seconds{file="config.json"}`:      "1.7e+09",
		`wsgateway_certificate_not_after_timestamp_seconds{listener="public"}`: "1.8e+09",
		`wsgateway_certificate_info{listener="public",serial_number="0a"}`:     "1",
		`wsgateway_certificate_info{listener="public",serial_number="01"}`:     "",
		`wsgateway_certificate_loads_total{listener="public",result="ok"}`:     "2",
		`wsgateway_certificate_loads_total{listener="public",result="failed"}`: "1",
		`wsgateway_upstream_endpoints{state="available"}`:                      "6",
		`wsgateway_upstream_endpoints{state="failing"}`:                        "1",
		`wsgateway_upstream_dial_failures_total`:                               "1",
		`wsgateway_key_set_fetches_total{result="failed"}`:                     "1",
		`wsgateway_config_problems`:                                            "4",
		`wsgateway_draining`:                                                   "1",
		`wsgateway_drain_initial_connections`:                                  "7",
		`wsgateway_drain_end_timestamp_seconds`:                                "1.9e+09",
		`wsgateway_audit_queued_records{sink="stdout"}`:                        "3",
		`wsgateway_audit_queue_capacity_records{sink="stdout"}`:                "8",
		`wsgateway_audit_written_records_total{sink="stdout"}`:                 "5",
		`wsgateway_audit_lost_events_total{sink="stdout"}`:                     "7",
	} {
		if got[name] != want {
			t.Errorf("%s = %q, want %q", name, got[name], want)
		}
	}
}

// everything makes every series that there can be without names of routes and
// listeners, and says how many handshakes were refused and connections closed.
func everything(set *metrics.Set) (refused, closed int) {
	set.Build("v1.2.3")
	for _, file := range []string{"config.json", "endpoints.json", "revocations.json"} {
		set.FileInForce(file, time.Unix(1, 0))
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, id := range []tls.CurveID{tls.X25519MLKEM768, tls.SecP384r1MLKEM1024, tls.X25519, tls.CurveP256, tls.CurveP384} {
			if version == tls.VersionTLS13 || id != tls.X25519MLKEM768 { // which TLS 1.2 does not have
				set.Secured(version, id, false)
			}
		}
	}
	for _, reason := range outcome.Refusals() {
		set.Refused("", outcome.Refuse(reason, ""))
	}
	for _, reason := range outcome.Closures() {
		set.Closed("", reason, time.Second)
	}
	for _, reason := range outcome.OfPolicy() {
		set.WouldRefuse(reason)
	}
	for _, result := range []string{"exported", "failed", "dropped"} {
		set.Spans(result, 1)
	}
	set.WouldClose(outcome.CredentialExpired)
	set.WouldClose(outcome.AccessRevoked)
	return len(outcome.Refusals()), len(outcome.Closures())
}

// A reader's storage is paid per series.
func TestSeriesAreFewWhateverHappens(t *testing.T) {
	t.Parallel()
	set := watch(metrics.New())
	refused, closed := everything(set)
	names := series(scrape(t, set))
	sums := map[string]float64{}
	sinks := 0
	for name, value := range names {
		family, labels, _ := strings.Cut(name, "{")
		if !strings.HasPrefix(family, "wsgateway_") {
			t.Errorf("series %s is not ours", name)
		}
		if strings.Contains(labels, "sink=") {
			sinks++
		}
		number, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		sums[family] += number
	}
	if got := len(names) - sinks; got > metrics.MaxSeries || got < metrics.MaxSeries/2 {
		t.Errorf("%d series besides routes, listeners and sinks, want at most %d and most of them", got, metrics.MaxSeries)
	}
	if got := [2]float64{sums["wsgateway_handshakes_refused_total"], sums["wsgateway_connections_closed_total"]}; got != [2]float64{float64(refused), float64(closed)} {
		t.Errorf("%v were counted, want %d refused and %d closed: what has no series of its own counts as other", got, refused, closed)
	}
	before := len(names)
	set.Keep([]string{"a", "b"}, []string{"public"})
	set.CertificateServed("public", "0a", time.Unix(1, 0))
	if got := len(series(scrape(t, set))) - before; got != 2*4+4 {
		t.Errorf("%d further series for two routes and a listener, want four each", got)
	}
}

func TestAnUnbotheredPodHasFewerSeries(t *testing.T) {
	t.Parallel()
	if got := len(series(scrape(t, watch(metrics.New())))); got > 70 {
		t.Errorf("%d series at the start, want no more than 70", got)
	}
}

func TestSeriesOfWhatIsGoneGo(t *testing.T) {
	t.Parallel()
	set := metrics.New()
	set.Keep([]string{"a", "b", "busy"}, []string{"one", "two"})
	set.CertificateServed("one", "01", time.Unix(1, 0))
	set.CertificateServed("two", "02", time.Unix(1, 0))
	set.Opened("busy")
	named := func() []string {
		var names []string
		for name := range series(scrape(t, set)) {
			for _, label := range []string{"a", "b", "busy", "one", "two"} {
				if strings.Contains(name, `"`+label+`"`) && !strings.Contains(name, "certificate_loads") && !strings.Contains(name, "handshakes_total") {
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
	set := watch(metrics.New())
	everything(set)
	set.Keep([]string{"a"}, []string{"b"})
	set.CertificateServed("b", "01", time.Unix(1, 0))
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
				set.CertificateServed("public", "01", time.Unix(1, 0))
				set.Refused(route, outcome.Refuse(outcome.NoRoute, ""))
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

// BenchmarkConnection is all that metrics do for one connection.
func BenchmarkConnection(b *testing.B) {
	set := metrics.New()
	set.Keep([]string{"chat"}, []string{"public"})
	b.ReportAllocs()
	for b.Loop() {
		set.Secured(tls.VersionTLS13, tls.X25519MLKEM768, false)
		for _, phase := range []metrics.Phase{metrics.PhaseTLS, metrics.PhaseAuthenticate, metrics.PhaseUpstream} {
			set.Handshake(phase, time.Millisecond)
		}
		set.Established(time.Millisecond, "")
		set.Opened("chat")
		set.Traffic(metrics.FromClient, 1, 100)
		set.Traffic(metrics.ToClient, 1, 100)
		set.Closed("chat", outcome.ClientClosed, time.Second)
	}
}
