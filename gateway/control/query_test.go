// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package control_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

var noon = time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)

func TestAListingIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	for name, listing := range map[string]control.Listing{
		"nothing": {},
		"everything": {
			Selector: control.Selector{
				IDs: []string{"b7-1", "b7-2"}, Listener: "public", Route: "chat & more", Policy: "users", Issuer: "https://id.example.com/?a=b",
				Subject: "an\u00e4", Client: "2001:db8::/48", OlderThan: contract.Duration(90 * time.Minute), IdleFor: contract.Duration(time.Second),
			},
			Sort: control.SortOpened, Limit: 1000, After: control.Cursor(noon.Add(time.Nanosecond), "b7-1"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent, err := url.ParseQuery(listing.Query().Encode())
			if err != nil {
				t.Fatal(err)
			}
			got, err := control.ParseListing(sent)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&listing, got); diff != "" {
				t.Errorf("(-written +read):\n%s", diff)
			}
			if at, id := got.Start(); listing.After != "" && (!at.Equal(noon.Add(time.Nanosecond)) || id != "b7-1") {
				t.Errorf("begins behind %v, %q", at, id)
			}
		})
	}
}

func TestAListingThatMayMeanSomethingElseIsRefused(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"rout=chat":               `"rout" is no filter`,
		"route=":                  "give one value",
		"route=a&route=b":         "give one value",
		"sort=size":               "none of opened",
		"limit=0":                 "limit",
		"limit=1001":              "from 1 to 1000",
		"limit=x":                 "limit",
		"olderThan=5":             "olderThan",
		"olderThan=-5m":           "negative",
		"idleFor=soon":            "idleFor",
		"client=example.com":      "neither an address nor a network",
		"client=192.0.2.1%2F33":   "neither an address nor a network",
		"client=fe80::1%25eth0":   "neither an address nor a network",
		"after=yesterday":         "next of an answer",
		"after=2026-03-04T12:00Z": "next of an answer",
		"sort=bytes&after=2026-03-04T12%3A00%3A00Z%2Cb7-1": "only the order opened has pages",
		"id=":                                  "ids",
		"subject=" + strings.Repeat("x", 2000): "longer than",
		"id=x" + strings.Repeat("&id=x", control.MaxIDs):      "ask in parts",
		"%1b%5b2J" + strings.Repeat("%1b", 100) + "=x":        `"\x1b[2J`,
		"sort=" + strings.Repeat("%E2%80%AE", 100) + "opened": `\u202e`,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if _, err := control.ParseListing(values); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 1000 {
			t.Errorf("%.60s: %v, want %q", query, err, want)
		}
	}
}

// FuzzParseListing: whatever is accepted means the same when it is written down
// again, and no error shows a control character.
func FuzzParseListing(f *testing.F) {
	for _, seed := range []string{"", "route=chat&limit=5", "id=a&id=b", "client=::ffff:192.0.2.1", "olderThan=1h&sort=rate", "after=2026-03-04T12:00:00Z,a,b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		listing, err := control.ParseListing(values)
		if err != nil {
			if strings.ContainsAny(err.Error(), "\x1b\u202e\r") {
				t.Errorf("%q", err)
			}
			return
		}
		again, err := control.ParseListing(listing.Query())
		if err != nil {
			t.Fatalf("%q is accepted, and not when it is written again: %v", query, err)
		}
		if diff := cmp.Diff(listing, again); diff != "" {
			t.Errorf("%q (-read +read again):\n%s", query, diff)
		}
		again.Matcher(noon).Fits(&control.Connection{ClientAddress: "192.0.2.1:1"})
	})
}
