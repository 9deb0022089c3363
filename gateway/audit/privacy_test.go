// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package audit_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/wsgateway/websocket-gateway-operator/gateway/audit"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/gateway/secret"
)

const hashKey = "0123456789abcdef0123456789abcdef"

// person is a connection that is full of what privacy leaves out.
func person() *audit.Connection {
	return &audit.Connection{
		ID: "c", Method: "apiKey", Issuer: "keys", Subject: "alice", KeyID: "alice", ClientAddress: "203.0.113.77:50123",
		Certificate: &audit.Certificate{Subject: "CN=alice", Issuer: "CN=partners", Serial: "7f"},
		WouldRefuse: outcome.AddressNotAllowed, WouldRefuseDetail: "alice from 203.0.113.77 is not allowed",
	}
}

// lifeOf is what a log with this privacy writes of a person's life.
func lifeOf(t *testing.T, p *audit.Privacy) []string {
	t.Helper()
	var lines []string
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := newLog(out, newClock())
		log.SetPrivacy(p)
		c := person()
		log.Opened(c)
		log.Progress(c, audit.Traffic{})
		log.Violated(c, outcome.Close(outcome.ProtocolError, outcome.ByClient, "alice at 203.0.113.77 broke a rule"))
		log.Closed(c, audit.Traffic{}, outcome.Close(outcome.RelayFailed, outcome.ByGateway, "read tcp 10.0.0.1:443->203.0.113.77:50123: reset by alice"))
		for range 12 {
			log.Denied(&audit.Attempt{ClientAddress: "203.0.113.77:50123", Certificate: c.Certificate},
				outcome.Refuse(outcome.TooManyFailures, "bad credentials again and again from 203.0.113.77/32"))
		}
		closeLog(t, log)
		lines = out.Lines()
	})
	return lines
}

func TestIdentitiesAreHashedTheSameEverywhereAndTheHashCanBeRecomputed(t *testing.T) {
	lines := lifeOf(t, audit.NewPrivacy(true, secret.New(hashKey), false))
	all := strings.Join(lines, "\n")
	if strings.Contains(all, "alice") || strings.Contains(strings.ToLower(all), `"7f"`) {
		t.Errorf("somebody is named:\n%s", all)
	}
	mac := hmac.New(sha256.New, []byte(hashKey))
	mac.Write([]byte("alice"))
	want := regexp.MustCompile(`^hmac-sha256:[0-9a-f]{8}:` + hex.EncodeToString(mac.Sum(nil)) + `$`)
	for _, line := range lines[:4] {
		record := parse(t, line)
		if id, _ := record["user.id"].(string); !want.MatchString(id) || record["wsgateway.identity.key_id"] != id {
			t.Errorf("user.id is %q, key_id %q, want both to match %s", id, record["wsgateway.identity.key_id"], want)
		}
		if record["client.ip"] != "203.0.113.77" || record["wsgateway.identity.issuer"] != "keys" {
			t.Errorf("more was left out than the identity: %s", line)
		}
	}
	other := parse(t, lifeOf(t, audit.NewPrivacy(true, secret.New(strings.ToUpper(hashKey)), false))[0])
	if other["user.id"] == parse(t, lines[0])["user.id"] {
		t.Error("another key gives the same hash")
	}
}

func TestWithoutItsKeyIdentitiesAreLeftOut(t *testing.T) {
	for _, line := range lifeOf(t, audit.NewPrivacy(true, secret.Text{}, false)) {
		if record := parse(t, line); strings.Contains(line, "alice") || record["user.id"] != nil || record["tls.client.subject"] != nil {
			t.Errorf("somebody is told of: %s", line)
		}
	}
}

func TestOfATruncatedAddressTheNetworkIsLeft(t *testing.T) {
	lines := lifeOf(t, audit.NewPrivacy(false, secret.Text{}, true))
	all := strings.Join(lines, "\n")
	if strings.Contains(all, "203.0.113.77") || strings.Contains(all, "50123") {
		t.Errorf("an address is told in full:\n%s", all)
	}
	for _, line := range lines[:len(lines)-1] {
		if record := parse(t, line); record["wsgateway.client.network"] != "203.0.113.0/24" {
			t.Errorf("the network is %v: %s", record["wsgateway.client.network"], line)
		}
	}
	if !strings.Contains(all, "10.0.0.0/24->203.0.113.0/24: reset by alice") {
		t.Errorf("the message lost more than the addresses:\n%s", all)
	}
}

func TestAProxyIsNoPersonAndIsToldInFull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		log := newLog(out, newClock())
		log.SetPrivacy(audit.NewPrivacy(false, secret.Text{}, true))
		for _, client := range []string{"[2001:db8:1:2::7]:50123", "198.51.100.9"} {
			log.Denied(&audit.Attempt{ClientAddress: client, PeerAddress: "10.0.0.9:40000"}, outcome.Refuse(outcome.NoRoute, ""))
		}
		closeLog(t, log)
		for i, want := range []string{"2001:db8:1::/48", "198.51.100.0/24"} {
			record := parse(t, out.Lines()[i])
			if record["wsgateway.client.network"] != want || record["source.ip"] != "10.0.0.9" || record["client.ip"] != nil {
				t.Errorf("%v, want the network %s and the proxy", record, want)
			}
		}
	})
}

// Whatever a message looks like, no address of it is left in full.
func FuzzTruncatedMessages(f *testing.F) {
	for _, text := range []string{
		"from 203.0.113.77.", "[2001:db8::1]:443 -> 203.0.113.77:1", "203.0.113.77/32", "a203.0.113.77", "::ffff:203.0.113.77", "fe80::1%eth0", "1.2.3.4.5", ".203.0.113.77", "]203.0.113.77[",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			out := &sink{}
			log := newLog(out, newClock())
			log.SetPrivacy(audit.NewPrivacy(false, secret.Text{}, true))
			log.Denied(&audit.Attempt{}, outcome.Refuse(outcome.BadRequest, "%s", text))
			closeLog(t, log)
			message := fmt.Sprint(parse(t, out.Lines()[0])["message"])
			for word := range strings.FieldsSeq(message) {
				address, err := netip.ParseAddr(strings.Trim(word, ".,;:()[]"))
				if err == nil && address.Unmap().Is4() && address.Unmap().As4()[3] != 0 {
					t.Errorf("%q leaves %s of %q", message, address, text)
				}
			}
		})
	})
}
