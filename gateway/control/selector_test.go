// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package control_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
)

// ann is a connection that was opened an hour ago and quiet for ten minutes.
func ann() *control.Connection {
	return &control.Connection{
		ID: "b7-1", OpenedAt: noon.Add(-time.Hour), ActiveAt: noon.Add(-10 * time.Minute), Listener: "public", Route: "chat",
		Policy: "users", Issuer: "https://id.example.com", Subject: "ann", ClientAddress: "[::ffff:192.0.2.7]:50123",
	}
}

func TestASelectorChoosesWhatFitsInEveryRespect(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		selector control.Selector
		want     bool
	}{
		"nothing asked":                {control.Selector{}, true},
		"her id":                       {control.Selector{IDs: []string{"b7-2", "b7-1"}}, true},
		"other ids":                    {control.Selector{IDs: []string{"b7-2", "b7-11"}}, false},
		"her identity":                 {control.Selector{Policy: "users", Issuer: "https://id.example.com", Subject: "ann"}, true},
		"her name of another issuer":   {control.Selector{Issuer: "https://other.example.com", Subject: "ann"}, false},
		"a part of her name":           {control.Selector{Subject: "an"}, false},
		"her name in capitals":         {control.Selector{Subject: "ANN"}, false},
		"her route, another listener":  {control.Selector{Route: "chat", Listener: "other"}, false},
		"her address":                  {control.Selector{Client: "192.0.2.7"}, true},
		"her address in IPv6 form":     {control.Selector{Client: "::ffff:192.0.2.7"}, true},
		"her network":                  {control.Selector{Client: "192.0.2.99/24"}, true},
		"all of IPv4":                  {control.Selector{Client: "0.0.0.0/0"}, true},
		"all of IPv6":                  {control.Selector{Client: "::/0"}, false},
		"another address":              {control.Selector{Client: "192.0.2.70"}, false},
		"as old as she is":             {control.Selector{OlderThan: contract.Duration(time.Hour)}, true},
		"older than she is":            {control.Selector{OlderThan: contract.Duration(time.Hour + time.Second)}, false},
		"quiet for as long as she was": {control.Selector{IdleFor: contract.Duration(10 * time.Minute)}, true},
		"quiet for longer":             {control.Selector{IdleFor: contract.Duration(11 * time.Minute)}, false},
	} {
		if err := tt.selector.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := tt.selector.Matcher(noon).Fits(ann()); got != tt.want {
			t.Errorf("%s: fits %v", name, got)
		}
	}
	odd := ann()
	odd.ClientAddress = "pipe"
	if (&control.Selector{Client: "0.0.0.0/0"}).Matcher(noon).Fits(odd) {
		t.Error("what is no address is in a network")
	}
}

func TestWhatIsShownIsPrintableAndBounded(t *testing.T) {
	t.Parallel()
	c := ann()
	c.Path, c.Subject, c.Origin = "/\x1b[2J\u202e\xff\n", strings.Repeat("\u00e4", 2000), "https://app.example.com"
	c.MakePrintable()
	if c.Path != "/\ufffd[2J\ufffd\ufffd\ufffd" || len(c.Subject) > 3000 || c.Origin != "https://app.example.com" {
		t.Errorf("path %q, a subject of %d bytes, origin %q", c.Path, len(c.Subject), c.Origin)
	}
}

func TestOrdersThatAreTooWideOrNobodysAreRefused(t *testing.T) {
	t.Parallel()
	me := control.Asker{ClaimedBy: "ann@example.com"}
	chat := control.Selector{Route: "chat"}
	for name, tt := range map[string]struct {
		order interface{ Validate() error }
		want  string
	}{
		"close a route":             {&control.CloseRequest{Asker: me, Selector: chat, AtMost: 5}, ""},
		"count a route":             {&control.CloseRequest{Selector: chat, DryRun: true}, ""},
		"close all":                 {&control.CloseRequest{Asker: me, AtMost: 5}, "nothing is selected"},
		"count all":                 {&control.CloseRequest{DryRun: true}, "nothing is selected"},
		"close without a number":    {&control.CloseRequest{Asker: me, Selector: chat}, "atMost"},
		"close a negative number":   {&control.CloseRequest{Asker: me, Selector: chat, AtMost: -1, DryRun: true}, "atMost"},
		"close for nobody":          {&control.CloseRequest{Selector: chat, AtMost: 5}, "claimedBy"},
		"close everybody's ann":     {&control.CloseRequest{Asker: me, Selector: control.Selector{Subject: "ann"}, AtMost: 5}, "issuer or policy"},
		"close ann of an issuer":    {&control.CloseRequest{Asker: me, Selector: control.Selector{Subject: "ann", Issuer: "x"}, AtMost: 5}, ""},
		"close over a day":          {&control.CloseRequest{Asker: me, Selector: chat, AtMost: 5, Over: contract.Duration(24 * time.Hour)}, "over"},
		"close in the past":         {&control.CloseRequest{Asker: me, Selector: chat, AtMost: 5, Over: -1}, "over"},
		"a claim in several lines":  {&control.CloseRequest{Asker: control.Asker{ClaimedBy: "ann\nbob"}, Selector: chat, AtMost: 5}, "printed"},
		"a claim without end":       {&control.DrainRequest{Asker: control.Asker{ClaimedBy: strings.Repeat("a", 129)}}, "longer than 128"},
		"a note that is no UTF-8":   {&control.DrainRequest{Asker: control.Asker{ClaimedBy: "ann", Note: "\xff"}}, "printed"},
		"drain":                     {&control.DrainRequest{Asker: me}, ""},
		"drain for nobody":          {&control.DrainRequest{}, "claimedBy"},
		"drain for a year":          {&control.DrainRequest{Asker: me, Window: contract.Duration(24 * 365 * time.Hour)}, "window"},
		"drain for a night":         {&control.DrainRequest{Asker: me, For: contract.Duration(12 * time.Hour)}, ""},
		"keep out for a week":       {&control.DrainRequest{Asker: me, For: contract.Duration(7 * 24 * time.Hour)}, "for: "},
		"keep out until yesterday":  {&control.DrainRequest{Asker: me, For: -1}, "for: "},
		"ask about a handshake":     {&control.ExplainRequest{Head: []byte("GET"), Port: 443, Client: "192.0.2.1"}, ""},
		"ask without a request":     {&control.ExplainRequest{Port: 443, Client: "192.0.2.1"}, "head"},
		"ask with a huge request":   {&control.ExplainRequest{Head: make([]byte, control.MaxHeadBytes+1), Port: 443, Client: "192.0.2.1"}, "head"},
		"ask without a port":        {&control.ExplainRequest{Head: []byte("GET"), Client: "192.0.2.1"}, "port"},
		"ask without an address":    {&control.ExplainRequest{Head: []byte("GET"), Port: 443}, "client"},
		"ask for an endless server": {&control.ExplainRequest{Head: []byte("GET"), Port: 443, Client: "::1", ServerName: strings.Repeat("a", 2000)}, "too long"},
	} {
		err := tt.order.Validate()
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
}
