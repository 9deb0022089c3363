// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package extension_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/extension"
)

func TestListsAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		values []string
		want   []extension.Extension
	}{
		"one":                      {[]string{"permessage-deflate"}, []extension.Extension{{Name: "permessage-deflate"}}},
		"several, in their order":  {[]string{"b,a", "c"}, []extension.Extension{{Name: "b"}, {Name: "a"}, {Name: "c"}}},
		"parameters":               {[]string{"a;b;c=d"}, []extension.Extension{{Name: "a", Parameters: []extension.Parameter{{Name: "b"}, {Name: "c", Value: "d"}}}}},
		"a quoted value":           {[]string{`a;b="c"`}, []extension.Extension{{Name: "a", Parameters: []extension.Parameter{{Name: "b", Value: "c"}}}}},
		"blanks wherever they may": {[]string{" a\t; b =\t\"c\" , d "}, []extension.Extension{{Name: "a", Parameters: []extension.Parameter{{Name: "b", Value: "c"}}}, {Name: "d"}}},
		"nothing at all":           {nil, nil},
	} {
		got, ok := extension.Parse(test.values)
		if diff := cmp.Diff(test.want, got); !ok || diff != "" {
			t.Errorf("%s: %v\n%s", name, ok, diff)
		}
	}
	for _, value := range []string{"", "a,", "a;", "a;b=", `a;b=""`, `a;b="c`, `a;b="c d"`, "a b", "a=b", strings.Repeat("a,", 64) + "a", "a" + strings.Repeat(";b", 65)} {
		if list, ok := extension.Parse([]string{value}); ok {
			t.Errorf("%.40q was read as %v", value, list)
		}
	}
}

func TestOnlyWhatABackendMayAcceptIsOfferedToIt(t *testing.T) {
	t.Parallel()
	for offer, want := range map[string]string{
		"permessage-deflate": "permessage-deflate",
		"permessage-deflate; client_max_window_bits, permessage-deflate":            "permessage-deflate; client_max_window_bits, permessage-deflate",
		`permessage-deflate;server_max_window_bits="10";client_no_context_takeover`: "permessage-deflate; server_max_window_bits=10; client_no_context_takeover",
		"permessage-deflate; server_no_context_takeover; client_max_window_bits=8":  "permessage-deflate; server_no_context_takeover; client_max_window_bits=8",
		"x-webkit-deflate-frame, permessage-deflate, permessage-bzip2":              "permessage-deflate",
		"Permessage-Deflate":                                                         "",
		"permessage-deflate; level=9":                                                "",
		"permessage-deflate; level=9, permessage-deflate":                            "permessage-deflate",
		"permessage-deflate; server_max_window_bits":                                 "",
		"permessage-deflate; server_max_window_bits=7":                               "",
		"permessage-deflate; server_max_window_bits=16":                              "",
		"permessage-deflate; server_max_window_bits=08":                              "",
		"permessage-deflate; server_max_window_bits=+9":                              "",
		"permessage-deflate; client_max_window_bits=99999999999999999999":            "",
		"permessage-deflate; client_max_window_bits; client_max_window_bits=9":       "",
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover": "",
		"permessage-deflate; server_no_context_takeover=1":                           "",
		"permessage-deflate; client_no_context_takeover=1":                           "",
		"permessage-deflate; client_no_context_takeover; client_no_context_takeover": "",
		"permessage-deflate; server_max_window_bits=9; server_max_window_bits=9":     "",
	} {
		list, ok := extension.Parse([]string{offer})
		if got := extension.List(extension.Offers(list)); !ok || got != want {
			t.Errorf("%q: offered %q, want %q", offer, got, want)
		}
	}
}

func TestAnAnswerHasToFitAnOffer(t *testing.T) {
	t.Parallel()
	const plain = "permessage-deflate"
	for name, test := range map[string]struct {
		offer  string
		answer []string
		agreed string
		bad    bool
	}{
		"declined":                                     {offer: plain},
		"accepted":                                     {plain, []string{plain}, plain, false},
		"not offered":                                  {"", []string{plain}, "", true},
		"another one":                                  {plain, []string{"permessage-bzip2"}, "", true},
		"twice":                                        {plain + ", " + plain, []string{plain + ", " + plain}, "", true},
		"in two fields":                                {plain, []string{plain, plain}, "", true},
		"malformed":                                    {plain, []string{plain + ";"}, "", true},
		"empty":                                        {plain, []string{""}, "", true},
		"an unknown parameter":                         {plain, []string{plain + "; level=9"}, "", true},
		"a parameter twice":                            {plain, []string{plain + "; server_no_context_takeover; server_no_context_takeover"}, "", true},
		"a demand of the client that is met":           {plain + "; server_no_context_takeover", []string{plain + "; server_no_context_takeover"}, plain + "; server_no_context_takeover", false},
		"a demand of the client that is not":           {plain + "; server_no_context_takeover", []string{plain}, "", true},
		"one that nobody has made":                     {plain, []string{plain + "; server_no_context_takeover"}, plain + "; server_no_context_takeover", false},
		"a demand of the server":                       {plain, []string{plain + "; client_no_context_takeover"}, plain + "; client_no_context_takeover", false},
		"a hint that is not taken":                     {plain + "; client_no_context_takeover", []string{plain}, plain, false},
		"a window of the server as asked":              {plain + "; server_max_window_bits=10", []string{plain + "; server_max_window_bits=10"}, plain + "; server_max_window_bits=10", false},
		"a smaller one":                                {plain + "; server_max_window_bits=10", []string{plain + "; server_max_window_bits=9"}, plain + "; server_max_window_bits=9", false},
		"a larger one":                                 {plain + "; server_max_window_bits=10", []string{plain + "; server_max_window_bits=11"}, "", true},
		"none although one was asked for":              {plain + "; server_max_window_bits=10", []string{plain}, "", true},
		"one that was not asked for":                   {plain, []string{plain + "; server_max_window_bits=12"}, plain + "; server_max_window_bits=12", false},
		"one without its size":                         {plain, []string{plain + "; server_max_window_bits"}, "", true},
		"a window of the client that cannot choose":    {plain, []string{plain + "; client_max_window_bits=15"}, "", true},
		"a window of the client that can":              {plain + "; client_max_window_bits", []string{plain + "; client_max_window_bits=8"}, plain + "; client_max_window_bits=8", false},
		"a window of the client without size":          {plain + "; client_max_window_bits", []string{plain + "; client_max_window_bits"}, "", true},
		"a window of the client within its own":        {plain + "; client_max_window_bits=12", []string{plain + "; client_max_window_bits=12"}, plain + "; client_max_window_bits=12", false},
		"a window of the client beyond its own":        {plain + "; client_max_window_bits=12", []string{plain + "; client_max_window_bits=13"}, "", true},
		"the client's window left as it is":            {plain + "; client_max_window_bits=12", []string{plain}, plain, false},
		"a window out of bounds":                       {plain, []string{plain + "; server_max_window_bits=16"}, "", true},
		"the second of two offers":                     {plain + "; server_max_window_bits=9, " + plain, []string{plain}, plain, false},
		"neither of two, but parts of both":            {plain + "; server_max_window_bits=9, " + plain + "; server_no_context_takeover", []string{plain + "; server_max_window_bits=10"}, "", true},
		"a quoted value is answered as it is compared": {plain + "; server_max_window_bits=10", []string{plain + `;server_max_window_bits="10"`}, plain + "; server_max_window_bits=10", false},
	} {
		list, _ := extension.Parse([]string{test.offer})
		agreed, err := extension.Agreed(test.answer, extension.Offers(list))
		got := ""
		if agreed != nil {
			got = agreed.String()
		}
		if got != test.agreed || (err != nil) != test.bad {
			t.Errorf("%s: agreed %q, %v; want %q, error %v", name, got, err, test.agreed, test.bad)
		}
	}
}

// FuzzAgreed holds: what is written out reads the same again, nothing is agreed upon
// that was not offered, and a malformed list agrees to nothing.
func FuzzAgreed(f *testing.F) {
	f.Add("permessage-deflate; client_max_window_bits, permessage-deflate", "permessage-deflate; client_max_window_bits=9")
	f.Add(`permessage-deflate; server_max_window_bits="10"`, "permessage-deflate;server_max_window_bits=9;server_no_context_takeover")
	f.Add(`a;b="c", d`, ",;=\"")
	f.Fuzz(func(t *testing.T, offer, answer string) {
		offered, ok := extension.Parse([]string{offer})
		for _, e := range offered {
			again, ok := extension.Parse([]string{e.String()})
			if diff := cmp.Diff([]extension.Extension{e}, again); !ok || diff != "" {
				t.Fatalf("%q is another one when it is read again:\n%s", e, diff)
			}
		}
		offers := extension.Offers(offered)
		if !ok && len(offers) > 0 {
			t.Fatalf("offers %v of a malformed list", offers)
		}
		agreed, err := extension.Agreed([]string{answer}, offers)
		_, wellFormed := extension.Parse([]string{answer})
		switch {
		case agreed == nil && err == nil:
			t.Fatal("an answer was taken for none")
		case agreed != nil && (err != nil || len(offers) == 0 || !wellFormed || agreed.Name != extension.Deflate):
			t.Fatalf("agreed on %q, %v, of %v", agreed, err, offers)
		case agreed != nil && len(extension.Offers([]extension.Extension{*agreed})) != 1:
			t.Fatalf("agreed on %q, which nobody may offer", agreed)
		}
	})
}
