// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
	"github.com/wsgateway/websocket-gateway-operator/test/auditschema"
)

func page(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../../docs/audit-log.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// fits reads a line and holds it against the schema.
func fits(t *testing.T, line string) map[string]any {
	t.Helper()
	schema, err := auditschema.Load("../../" + auditschema.File)
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Check([]byte(line)); err != nil {
		t.Error(err)
	}
	return parse(t, line)
}

// section is the part of the page below a heading, up to the next one.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, rest, found := strings.Cut(page(t), "\n"+heading+"\n")
	if !found {
		t.Fatalf("docs/audit-log.md has no heading %q", heading)
	}
	text, _, _ := strings.Cut(rest, "\n#")
	return text
}

// rows are the cells of the table in a section, without its head.
func rows(t *testing.T, heading string) map[string][]string {
	t.Helper()
	table := map[string][]string{}
	for line := range strings.Lines(section(t, heading)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) < 3 || !strings.HasPrefix(cells[0], "`") {
			continue
		}
		name := strings.Trim(cells[0], "`")
		if _, twice := table[name]; twice {
			t.Errorf("%s: two rows for %s", heading, name)
		}
		table[name] = cells[1:]
	}
	return table
}

// exampleConnection is the one of the page's examples, with its traffic.
func exampleConnection() *audit.Connection {
	return &audit.Connection{
		ID: "c1", Listener: "public", Route: "chat", Policy: "users", Method: "jwt",
		Issuer: "https://id.example.com", Subject: "alice", KeyID: "2026-02", ClientAddress: "192.0.2.7:50123",
		ServerName: "ws.example.com", Host: "ws.example.com", Path: "/chat/room/5", Origin: "https://app.example.com",
		Subprotocol: "chat.v2", TLSVersion: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256", Group: "X25519MLKEM768",
		Backend: "echo:8080", BackendAddress: "10.0.0.9:8080", OpenedAt: noon,
	}
}

func exampleViolation() *outcome.Closure {
	return outcome.Close(outcome.MessageTooBig, outcome.ByClient, "more than 65536 bytes")
}

func exampleChange() *audit.Change {
	return &audit.Change{
		File: "config.json", Digest: "sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
		Parts: 12, Added: 1, Changed: 2,
	}
}

func exampleRotation() *audit.Rotation {
	return &audit.Rotation{
		Listener: "public", Serial: "7f3a", PreviousSerial: "1c9e",
		SHA256:    "7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730",
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(90 * 24 * time.Hour),
	}
}

func exampleAttempt() *audit.Attempt {
	return &audit.Attempt{
		Listener: "public", Route: "chat", Policy: "users", ClientAddress: "198.51.100.20:41000",
		ServerName: "ws.example.com", Host: "ws.example.com", Path: "/chat", Origin: "https://app.example.com",
	}
}

func exampleOrder() *audit.Administration {
	return &audit.Administration{
		Action: audit.ActionClose, ClaimedBy: "bob@example.com", Note: "ticket 4711", Selection: "issuer=https://id.example.com subject=alice", Connections: 2,
	}
}

// story makes a log write one record of each event, in the order of the page.
func story(t *testing.T) []string {
	t.Helper()
	out, now := &sink{}, newClock()
	log := newLog(out, now)
	c := exampleConnection()
	log.Opened(c)
	now.Set(noon.Add(5 * time.Minute))
	log.Progress(c, audit.Traffic{MessagesFromClient: 12, MessagesToClient: 340, BytesFromClient: 1530, BytesToClient: 88012})
	now.Set(noon.Add(9*time.Minute + 30*time.Second))
	log.Violated(c, exampleViolation())
	now.Set(noon.Add(9*time.Minute + 30*time.Second + 250*time.Millisecond))
	log.Closed(c, audit.Traffic{MessagesFromClient: 20, MessagesToClient: 611, BytesFromClient: 2466, BytesToClient: 151890},
		exampleViolation())
	now.Set(noon.Add(9*time.Minute + 31*time.Second))
	log.Denied(exampleAttempt(), outcome.Refuse(outcome.BadCredential, "token expired"))
	log.Revoked("stolen-laptop", 3)
	log.Applied(exampleChange())
	log.Rotated(exampleRotation())
	log.Administered(exampleOrder())
	synctest.Wait()

	// A sink that fails for 17 records.
	out.Fail(17)
	for range 17 {
		log.Opened(c)
	}
	synctest.Wait()
	now.Set(noon.Add(9*time.Minute + 32*time.Second))
	closeLog(t, log)
	return out.Lines()
}

func TestExamplesOfThePageAreWhatTheLogWrites(t *testing.T) {
	examples := map[string]string{}
	for _, event := range audit.Events() {
		_, block, found := strings.Cut(section(t, "### `"+string(event)+"`"), "```json\n")
		if !found {
			t.Fatalf("no example of %s", event)
		}
		block, _, _ = strings.Cut(block, "```")
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(block)); err != nil {
			t.Fatalf("example of %s: %v", event, err)
		}
		examples[string(event)] = compact.String()
	}
	synctest.Test(t, func(t *testing.T) {
		lines := story(t)
		if len(lines) != len(examples) {
			t.Fatalf("%d lines, want one for each of %d events: %q", len(lines), len(examples), lines)
		}
		for _, line := range lines {
			event := fits(t, line)["event.action"].(string)
			if diff := cmp.Diff(examples[event], line); diff != "" {
				t.Errorf("%s (-page +log):\n%s", event, diff)
			}
		}
	})
}

// everything makes a log write every field that there is.
func everything(t *testing.T) []string {
	t.Helper()
	out, now := &sink{}, newClock()
	log := audit.New(audit.Options{
		Sinks: []audit.Sink{{Name: "file", Out: out}}, Now: now.Now, BootID: "b", Pod: "p",
		Gateway: contract.GatewayRef{Namespace: "default", Name: "edge"},
	})
	long := exampleConnection()
	long.Path, long.Resumed, long.PeerAddress = strings.Repeat("/x", 1000), true, "10.0.0.1:443"
	long.WouldRefuse, long.WouldRefuseDetail = outcome.BadCredential, "token expired"
	long.TraceID = "0af7651916cd43dd8448eb211c80319c"
	long.Certificate = &audit.Certificate{Subject: "CN=device-7", Issuer: "CN=partners", Serial: "7f"}
	odd := exampleConnection()
	odd.ClientAddress, odd.PeerAddress, odd.BackendAddress = "pipe", "@", "pipe"
	attempt := exampleAttempt()
	attempt.Path, attempt.PeerAddress, attempt.Certificate = long.Path, long.PeerAddress, long.Certificate
	attempt.TraceID = long.TraceID
	attempt.Identity = &audit.Identity{Method: long.Method, Issuer: long.Issuer, Subject: long.Subject, KeyID: long.KeyID}
	for _, c := range []*audit.Connection{long, odd} {
		log.Opened(c)
		log.Progress(c, audit.Traffic{})
		log.Violated(c, exampleViolation())
		log.Closed(c, audit.Traffic{}, outcome.Close(outcome.RelayFailed, outcome.ByGateway, "why"))
	}
	log.Revoked("stolen-laptop", 3)
	log.Applied(exampleChange())
	log.Applied(&audit.Change{File: "config.json", Digest: exampleChange().Digest, Refused: strings.Repeat("why ", 100)})
	log.Rotated(exampleRotation())
	for _, client := range []string{"192.0.2.7:1", "[2001:db8::1]:1", "pipe"} {
		attempt.ClientAddress, attempt.PeerAddress = client, client
		for range 20 {
			log.Denied(attempt, outcome.Refuse(outcome.BadCredential, "why"))
		}
	}
	order := exampleOrder()
	order.Action, order.Selection = audit.ActionExplain, long.Path
	log.Administered(order)
	log.SetPrivacy(audit.NewPrivacy(true, secret.New(hashKey), true))
	log.Opened(long)
	log.Progress(long, audit.Traffic{})
	log.Violated(long, outcome.Close(outcome.ProtocolError, outcome.ByClient, "why"))
	log.Closed(long, audit.Traffic{}, outcome.Close(outcome.RelayFailed, outcome.ByGateway, "why"))
	log.SetPrivacy(nil)
	first, _ := newSigner(t, 1)
	second, _ := newSigner(t, 2)
	log.Sign(first)
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	out.Fail(1)
	log.Opened(long)
	synctest.Wait()
	log.Sign(second)
	closeLog(t, log)
	return append(out.Lines(), beginnings(t)...)
}

// beginnings makes each event the first of a log.
func beginnings(t *testing.T) []string {
	t.Helper()
	var lines []string
	for _, use := range []func(*sink, *audit.Log){
		func(_ *sink, log *audit.Log) { log.Progress(exampleConnection(), audit.Traffic{}) },
		func(_ *sink, log *audit.Log) {
			log.Closed(exampleConnection(), audit.Traffic{}, outcome.Closed(outcome.ByClient, outcome.CodeNormal))
		},
		func(_ *sink, log *audit.Log) { log.Denied(exampleAttempt(), outcome.Refuse(outcome.NoRoute, "")) },
		func(_ *sink, log *audit.Log) { log.Violated(exampleConnection(), exampleViolation()) },
		func(_ *sink, log *audit.Log) { log.Revoked("stolen-laptop", 3) },
		func(_ *sink, log *audit.Log) { log.Applied(exampleChange()) },
		func(_ *sink, log *audit.Log) { log.Rotated(exampleRotation()) },
		func(_ *sink, log *audit.Log) { log.Administered(exampleOrder()) },
		func(out *sink, log *audit.Log) {
			out.Fail(1)
			log.Opened(exampleConnection())
		},
		func(*sink, *audit.Log) {},
	} {
		out := &sink{}
		log := newLog(out, newClock())
		use(out, log)
		synctest.Wait()
		closeLog(t, log)
		lines = append(lines, out.Lines()[0])
	}
	return lines
}

func TestEveryFieldIsOnThePage(t *testing.T) {
	got := map[string][]string{}
	synctest.Test(t, func(t *testing.T) {
		for _, line := range everything(t) {
			record := fits(t, line)
			for field := range record {
				event := record["event.action"].(string)
				if !slices.Contains(got[field], event) {
					got[field] = append(got[field], event)
				}
			}
		}
	})
	want := map[string][]string{}
	for field, cells := range rows(t, "## Fields") {
		want[field] = slices.Sorted(slices.Values(eventsOf(cells[0])))
	}
	for field := range got {
		slices.Sort(got[field])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields and their events (-page +log):\n%s", diff)
	}
}

// eventsOf reads the column "In".
func eventsOf(cell string) []string {
	if cell != "all" {
		return strings.Split(cell, ", ")
	}
	var all []string
	for _, event := range audit.Events() {
		all = append(all, string(event))
	}
	return all
}

// Flat names become objects in some stores: a name must not be a value and the
// beginning of another name at once.
func TestNoFieldIsAlsoTheBeginningOfAnother(t *testing.T) {
	t.Parallel()
	names := rows(t, "## Fields")
	for name := range names {
		for other := range names {
			if strings.HasPrefix(other, name+".") {
				t.Errorf("%s is a field, and so is %s", name, other)
			}
		}
	}
}

func TestTheDecodingKnowsEveryField(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, line := range append(everything(t), story(t)...) {
			decoder := json.NewDecoder(strings.NewReader(line))
			decoder.DisallowUnknownFields()
			if err := decoder.Decode(&audit.Record{}); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
	})
}

// What the page calls always there is there in a record of nothing, and
// nothing else is.
func TestFieldsThatAreAlwaysThere(t *testing.T) {
	always := map[string][]string{}
	for field, cells := range rows(t, "## Fields") {
		if !strings.HasPrefix(cells[2], "always") {
			continue
		}
		for _, event := range eventsOf(cells[0]) {
			if strings.HasPrefix(cells[2], "always but in "+event) {
				continue
			}
			always[event] = append(always[event], field)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := newLog(out, newClock())
		log.Opened(&audit.Connection{})
		log.Progress(&audit.Connection{}, audit.Traffic{})
		log.Closed(&audit.Connection{}, audit.Traffic{}, &outcome.Closure{})
		log.Denied(&audit.Attempt{}, outcome.Refuse(outcome.ClientGone, ""))
		log.Violated(&audit.Connection{}, exampleViolation())
		log.Revoked("r", 0)
		log.Applied(&audit.Change{File: "config.json", Refused: "why"})
		log.Administered(&audit.Administration{})
		log.Rotated(&audit.Rotation{Serial: "1", SHA256: "0", NotBefore: noon, NotAfter: noon})
		synctest.Wait()
		out.Fail(1)
		log.Opened(&audit.Connection{})
		synctest.Wait()
		closeLog(t, log)
		for _, line := range out.Lines() {
			record := parse(t, line)
			event := record["event.action"].(string)
			// One of these is in every line.
			maps.DeleteFunc(record, func(field string, _ any) bool { return strings.HasPrefix(field, "wsgateway.chain.") })
			delete(record, "wsgateway.checkpoint.final")
			// What these have must have something in it.
			if event == "violation" || event == "config.applied" {
				delete(record, "message")
			}
			got := slices.Sorted(maps.Keys(record))
			slices.Sort(always[event])
			if diff := cmp.Diff(always[event], got); diff != "" {
				t.Errorf("%s (-page +log):\n%s", event, diff)
			}
		}
	})
}

func TestEveryReasonIsOnThePage(t *testing.T) {
	t.Parallel()
	refusals := map[string]string{}
	for _, reason := range outcome.Refusals() {
		status := (&outcome.Refusal{Reason: reason}).Answer().Status
		refusals[string(reason)] = strconv.Itoa(status)
		if status == 0 {
			refusals[string(reason)] = "-"
		}
	}
	closures := map[string]string{}
	for _, reason := range outcome.Closures() {
		closures[string(reason)] = strconv.Itoa(outcome.Close(reason, outcome.ByGateway, "").Code)
	}
	for heading, want := range map[string]map[string]string{
		"## Why a handshake was refused": refusals, "## Why a connection ended": closures,
	} {
		got := map[string]string{}
		for reason, cells := range rows(t, heading) {
			got[reason] = cells[0]
			if len(cells) < 2 || len(cells[1]) < 10 {
				t.Errorf("%s: %s is not explained", heading, reason)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-table of outcomes +page):\n%s", heading, diff)
		}
	}
}

func TestNumbersOnThePage(t *testing.T) {
	t.Parallel()
	text := strings.Join(strings.Fields(page(t)), " ")
	for _, want := range []string{audit.Schema, "Up to " + strconv.Itoa(audit.DefaultQueue) + " records wait"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	for _, metric := range regexp.MustCompile("`(wsgateway_[a-z_]+)`").FindAllStringSubmatch(text, -1) {
		if !slices.Contains([]string{
			"wsgateway_handshakes_refused_total", "wsgateway_connections_closed_total",
			"wsgateway_audit_queued_records", "wsgateway_audit_queue_capacity_records", "wsgateway_audit_written_records_total", "wsgateway_audit_lost_events_total",
		}, metric[1]) {
			t.Errorf("the page names the unknown metric %s", metric[1])
		}
	}
}
