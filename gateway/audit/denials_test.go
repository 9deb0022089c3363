// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

func TestRefusalsOfOneClientAreAggregated(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := audit.New(audit.Options{Sinks: []audit.Sink{{Out: out}}, Now: time.Now})
		noRoute, bad := outcome.Refuse(outcome.NoRoute, "nothing here"), outcome.Refuse(outcome.BadCredential, "token expired")
		began := time.Now().UTC()
		for i := range 100 {
			log.Denied(&audit.Attempt{ClientAddress: fmt.Sprintf("192.0.2.1:%d", 1000+i), Path: "/secret"}, noRoute)
			log.Denied(&audit.Attempt{ClientAddress: fmt.Sprintf("[2001:db8::%x]:5", i)}, bad)
			time.Sleep(10 * time.Millisecond)
		}
		for range 5 {
			log.Denied(&audit.Attempt{ClientAddress: "192.0.2.1:7"}, bad)
		}
		log.Denied(&audit.Attempt{ClientAddress: "192.0.2.2:7"}, noRoute)
		time.Sleep(12 * time.Second)
		synctest.Wait()
		got := checkSequence(t, out.Lines())
		if full := len(got) - 3; full != 21 {
			t.Errorf("%d records in full, want 10 each of two clients and 1 of the third", full)
		}
		if total := deniedIn(got); total != 206 {
			t.Errorf("counts add up to %d, want 206", total)
		}
		sums := map[string]string{}
		for _, record := range got {
			if !record.Start.IsZero() {
				client := record.ClientIP + record.ClientNetwork
				sums[fmt.Sprintf("%s %s %d", client, record.Reason, record.HTTPStatus)] = fmt.Sprintf("%d from %s to %s",
					record.Count, record.Start.Format(time.RFC3339Nano), record.Time.Format(time.RFC3339Nano))
				if record.Path != "" || record.Message != "" || record.SourceIP != "" {
					t.Errorf("%v: has fields of a single refusal", record)
				}
			}
		}
		at := func(d time.Duration) string { return began.Add(d).Format(time.RFC3339Nano) }
		want := map[string]string{
			"192.0.2.1 no_route 404":           "90 from " + at(100*time.Millisecond) + " to " + at(990*time.Millisecond),
			"2001:db8::/64 bad_credential 401": "90 from " + at(100*time.Millisecond) + " to " + at(990*time.Millisecond),
			"192.0.2.1 bad_credential 401":     "5 from " + at(time.Second) + " to " + at(time.Second),
		}
		if diff := cmp.Diff(want, sums); diff != "" {
			t.Errorf("aggregated (-want +got):\n%s", diff)
		}

		// The next window begins in full again.
		log.Denied(&audit.Attempt{ClientAddress: "192.0.2.1:7", Path: "/x"}, noRoute)
		closeLog(t, log)
		if last := checkSequence(t, out.Lines())[len(got)]; last.Path != "/x" {
			t.Errorf("first refusal of the next window: %v, want it in full", last)
		}
	})
}

func TestWhoCountsAsOneClient(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		addresses []string
		records   int
	}{
		"ports of one address":              {addresses: []string{"192.0.2.1:1", "192.0.2.1:2", "192.0.2.1"}, records: 1},
		"IPv4 in an IPv6 notation":          {addresses: []string{"192.0.2.1:1", "[::ffff:192.0.2.1]:1"}, records: 1},
		"two IPv4 in an IPv6 notation":      {addresses: []string{"[::ffff:192.0.2.1]:1", "[::ffff:192.0.2.2]:1"}, records: 2},
		"one IPv6 network":                  {addresses: []string{"[2001:db8::1]:1", "2001:db8:0:0:ffff::1", "[2001:db8::2%eth0]:1"}, records: 1},
		"two IPv6 networks":                 {addresses: []string{"[2001:db8:0:1::1]:1", "[2001:db8:0:2::1]:1"}, records: 2},
		"what is no address counts as one ": {addresses: []string{"", "pipe", "@"}, records: 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := &sink{}
			log := newLog(out, newClock())
			for range 40 {
				for _, address := range tt.addresses {
					log.Denied(&audit.Attempt{ClientAddress: address}, outcome.Refuse(outcome.NoRoute, ""))
				}
			}
			closeLog(t, log)
			got := checkSequence(t, out.Lines())
			if sums := len(got) - 10*tt.records; sums != tt.records {
				t.Errorf("%d records, want 10 and a sum for each of %d clients", len(got), tt.records)
			}
		})
	}
}

func TestAggregatedRefusalsThatCannotBeWrittenCountAsSuch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := audit.New(audit.Options{Sinks: []audit.Sink{{Out: out}}, Now: time.Now})
		for range 50 {
			log.Denied(&audit.Attempt{ClientAddress: "192.0.2.1:7"}, outcome.Refuse(outcome.NoRoute, ""))
		}
		synctest.Wait()
		out.Fail(1)
		closeLog(t, log)
		got := checkSequence(t, out.Lines())
		if denied, lost := deniedIn(got), lostIn(got); denied != 10 || lost != 40 {
			t.Errorf("%d denied and %d lost, want 10 and 40", denied, lost)
		}
	})
}

func TestTableOfClientsIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := audit.New(audit.Options{Sinks: []audit.Sink{{Out: out, Queue: 20_000}}, Now: time.Now})
		const clients = 10_000
		for i := range clients {
			log.Denied(&audit.Attempt{ClientAddress: fmt.Sprintf("10.1.%d.%d:7", i/256, i%256)}, outcome.Refuse(outcome.NoRoute, ""))
		}
		closeLog(t, log)
		got := checkSequence(t, out.Lines())
		if len(got) != 4096+1 || deniedIn(got) != clients {
			t.Errorf("%d records for %d refusals of as many clients, want 4096 and one for the others", len(got), deniedIn(got))
		}
		last := got[len(got)-1]
		if last.ClientIP != "" || last.ClientAddress != "" || last.Count != clients-4096 {
			t.Errorf("the record of the others: %v", last)
		}
	})
}
