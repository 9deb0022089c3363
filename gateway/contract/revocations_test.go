// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
)

func revocationsFile(entries string) string {
	return `{"version":1,"revocations":[{"name":"r","until":"2026-03-04T12:00:00Z",` + entries + `}]}`
}

// networks are so many, numbered in a format.
func networks(count int, format string) string {
	list := make([]string, 0, count)
	for i := range count {
		list = append(list, fmt.Sprintf(`"`+format+`"`, i))
	}
	return `"clientCIDRs":[` + strings.Join(list, ",") + `]`
}

func TestRevocationsAreReadStrictly(t *testing.T) {
	t.Parallel()
	many := make([]string, 0, contract.MaxRevocations+1)
	for i := range contract.MaxRevocations + 1 {
		many = append(many, fmt.Sprintf(`{"name":"r%d","until":"2026-03-04T12:00:00Z","clientCIDRs":["10.0.0.0/8"]}`, i))
	}
	list := func(items []string) string { return `{"version":1,"revocations":[` + strings.Join(items, ",") + `]}` }
	for name, tt := range map[string]struct {
		file string
		good bool
	}{
		"nobody":                       {`{"version":1}`, true},
		"one of each":                  {revocationsFile(`"uid":"u","subjects":[{"subject":"a","policy":"p"}],"tokenIDs":[{"issuer":"i","id":"j"}],"apiKeyIDs":[{"id":"k","secret":"s"}],"certificateSerials":[{"serial":"a1"}],"clientCIDRs":["10.0.0.0/8","2001:db8::/32"]`), true},
		"as many as may be":            {list(many[:contract.MaxRevocations]), true},
		"one more":                     {list(many), false},
		"the same name twice":          {list([]string{many[0], many[0]}), false},
		"no entries":                   {revocationsFile(`"uid":"u"`), false},
		"an unknown kind of entry":     {revocationsFile(`"groups":["a"]`), false},
		"no end":                       {`{"version":1,"revocations":[{"name":"r","clientCIDRs":["10.0.0.0/8"]}]}`, false},
		"no name":                      {`{"version":1,"revocations":[{"until":"2026-03-04T12:00:00Z","clientCIDRs":["10.0.0.0/8"]}]}`, false},
		"an end that is no time":       {`{"version":1,"revocations":[{"name":"r","until":"soon","clientCIDRs":["10.0.0.0/8"]}]}`, false},
		"a subject of anybody":         {revocationsFile(`"subjects":[{"subject":"a"}]`), false},
		"an empty subject":             {revocationsFile(`"subjects":[{"policy":"p"}]`), false},
		"a token of any issuer":        {revocationsFile(`"tokenIDs":[{"id":"j"}]`), false},
		"an API key of any Secret":     {revocationsFile(`"apiKeyIDs":[{"id":"k"}]`), false},
		"a serial in upper case":       {revocationsFile(`"certificateSerials":[{"serial":"A1"}]`), false},
		"a serial with a leading zero": {revocationsFile(`"certificateSerials":[{"serial":"0a1"}]`), false},
		"a serial with colons":         {revocationsFile(`"certificateSerials":[{"serial":"a1:b2"}]`), false},
		"an empty serial":              {revocationsFile(`"certificateSerials":[{"serial":""}]`), false},
		"everybody by IPv4":            {revocationsFile(`"clientCIDRs":["0.0.0.0/0"]`), false},
		"everybody by IPv6":            {revocationsFile(`"clientCIDRs":["::/0"]`), false},
		"everybody by a mapped prefix": {revocationsFile(`"clientCIDRs":["::ffff:0.0.0.0/96"]`), false},
		"half of everybody":            {revocationsFile(`"clientCIDRs":["128.0.0.0/1"]`), false},
		"wider than /8":                {revocationsFile(`"clientCIDRs":["10.0.0.0/7"]`), false},
		"wider than /16 of IPv6":       {revocationsFile(`"clientCIDRs":["2000::/15"]`), false},
		"16 of /8":                     {revocationsFile(networks(16, "%d.0.0.0/8")), true},
		"17 of /8":                     {revocationsFile(networks(17, "%d.0.0.0/8")), false},
		"all of IPv4 in 256 parts":     {revocationsFile(networks(256, "%d.0.0.0/8")), false},
		"17 of /15":                    {revocationsFile(networks(17, "%d.2.0.0/15")), false},
		"256 of /16":                   {revocationsFile(networks(256, "10.%d.0.0/16")), true},
		"257 of /17":                   {revocationsFile(strings.Replace(networks(256, "10.%d.0.0/17"), `["`, `["11.0.0.0/17","`, 1)), false},
		"16 wide ones of IPv6":         {revocationsFile(networks(16, "20%02x::/16")), true},
		"17 wide ones of IPv6":         {revocationsFile(networks(17, "20%02x::/16")), false},
		"17 of /32 of IPv6":            {revocationsFile(networks(17, "2001:%x::/32")), true},
		"an address without a prefix":  {revocationsFile(`"clientCIDRs":["10.0.0.1"]`), false},
		"bits behind the prefix":       {revocationsFile(`"clientCIDRs":["10.0.0.1/8"]`), false},
		"a zone":                       {revocationsFile(`"clientCIDRs":["fe80::%eth0/10"]`), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := contract.ParseRevocations([]byte(tt.file))
			if (err == nil) != tt.good {
				t.Errorf("error %v, want none: %t", err, tt.good)
			}
		})
	}
}

func TestARevocationIsCountedByItsUIDAndElseByItsName(t *testing.T) {
	t.Parallel()
	for want, one := range map[string]contract.Revocation{"u": {Name: "n", UID: "u"}, "n": {Name: "n"}} {
		if got := one.ID(); got != want {
			t.Errorf("ID of %+v is %q", one, got)
		}
	}
}

// FuzzParseRevocations: whatever is accepted can be written, and says the same
// when it is read again.
func FuzzParseRevocations(f *testing.F) {
	f.Add([]byte(revocationsFile(`"subjects":[{"subject":"a","policy":"p"}],"clientCIDRs":["10.0.0.0/8"]`)))
	f.Add([]byte(revocationsFile(`"certificateSerials":[{"serial":"a1","policy":"p"}]`)))
	f.Add([]byte(`{"version":1,"revocations":[{}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		parsed, err := contract.ParseRevocations(data)
		if err != nil {
			return
		}
		encoded, err := contract.Encode(parsed)
		if err != nil {
			t.Fatal(err)
		}
		again, err := contract.ParseRevocations(encoded)
		if err != nil {
			if len(encoded) <= contract.MaxFileBytes {
				t.Fatalf("what was accepted is refused: %v\n%s", err, encoded)
			}
			return
		}
		for i := range again.Revocations {
			if !again.Revocations[i].Until.Equal(parsed.Revocations[i].Until) {
				t.Errorf("ends at %v, was %v", again.Revocations[i].Until, parsed.Revocations[i].Until)
			}
			again.Revocations[i].Until = time.Time{}
			parsed.Revocations[i].Until = time.Time{}
		}
		if diff := cmp.Diff(parsed, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("says something else (-first +again):\n%s", diff)
		}
	})
}
