// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"errors"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/match"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheMostSpecificHostPatternWins(t *testing.T) {
	t.Parallel()
	var hosts match.Hosts[string]
	hosts.Set("ws.example.com", "exact")
	hosts.Set("*.example.com", "wildcard")
	hosts.Set("*.chat.example.com", "deeper")
	for name, want := range map[string]string{
		"ws.example.com":       "exact",
		"other.example.com":    "wildcard",
		"a.chat.example.com":   "deeper",
		"chat.example.com":     "wildcard",
		"a.b.chat.example.com": "",
		"example.com":          "",
		".example.com":         "",
		"*.example.com":        "",
		"com":                  "",
		"":                     "",
	} {
		if got, ok := hosts.Lookup(name); got != want || ok != (want != "") {
			t.Errorf("%q: got %q %v, want %q", name, got, ok, want)
		}
	}
}

func TestHostIsANameWithAnOptionalPort(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"ws.example.com":       "ws.example.com",
		"WS.Example.COM":       "ws.example.com",
		"ws.example.com:443":   "ws.example.com",
		"ws.example.com:65535": "ws.example.com",
		"127.0.0.1:80":         "127.0.0.1",
		"[::1]:443":            "[::1]",
		"[::1]":                "[::1]",
	} {
		if got, err := match.Host(header); err != nil || got != want {
			t.Errorf("%q: got %q %v, want %q", header, got, err, want)
		}
	}
	for _, header := range []string{
		"", ":443", "ws.example.com:", "ws.example.com:0", "ws.example.com:65536", "ws.example.com:+1", "ws.example.com:-1",
		"ws.example.com:4 43", "ws.example.com:443:443", "user@ws.example.com", "ws example.com", "ws.example.com/", "ws.exämple.com",
		"ws.example.com\x00", "[::1", "[::1]x", "[::1]:", "[g::1]", "*.example.com", strings.Repeat("a", 254),
	} {
		if got, err := match.Host(header); !errors.Is(err, match.ErrHost) {
			t.Errorf("%q: accepted as %q", header, got)
		}
	}
}

func TestTargetIsRefusedWhereTwoReadersCouldDisagree(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]string{
		"/":                      "/",
		"/chat":                  "/chat",
		"/chat/":                 "/chat/",
		"/chat/room?a=//..%2f":   "/chat/room",
		"/a%20b":                 "/a b",
		"/a%40b":                 "/a@b",
		"/caf%C3%A9":             "/café",
		"/.well-known":           "/.well-known",
		"/a..b/...":              "/a..b/...",
		"/-._~!$&'()*+,;=:@":     "/-._~!$&'()*+,;=:@",
		"/chat?access_token=a.b": "/chat",
		"/chat?":                 "/chat",
		"/100%25":                "/100%",
	} {
		if got, err := match.Target(target); err != nil || got != want {
			t.Errorf("%q: got %q %v, want %q", target, got, err, want)
		}
	}
	for target, want := range map[string]error{
		"":                    match.ErrTargetForm,
		"*":                   match.ErrTargetForm,
		"chat":                match.ErrTargetForm,
		"wss://ws/chat":       match.ErrTargetForm,
		"//evil.example/chat": match.ErrTargetSegments,
		"/a//b":               match.ErrTargetSegments,
		"/a/../b":             match.ErrTargetSegments,
		"/..":                 match.ErrTargetSegments,
		"/a/.":                match.ErrTargetSegments,
		"/%2e%2e/b":           match.ErrTargetEncoding,
		"/%2E/b":              match.ErrTargetEncoding,
		"/a%2fb":              match.ErrTargetEncoding,
		"/a%2Fb":              match.ErrTargetEncoding,
		"/a%5cb":              match.ErrTargetEncoding,
		"/a%00":               match.ErrTargetEncoding,
		"/a%0d%0a":            match.ErrTargetEncoding,
		"/a%7f":               match.ErrTargetEncoding,
		"/%61dmin":            match.ErrTargetEncoding,
		"/%zz":                match.ErrTargetEncoding,
		"/%":                  match.ErrTargetEncoding,
		"/%4":                 match.ErrTargetEncoding,
		"/%ff":                match.ErrTargetEncoding,
		"/a\\b":               match.ErrTargetBytes,
		"/a b":                match.ErrTargetBytes,
		"/a\x00":              match.ErrTargetBytes,
		"/a#b":                match.ErrTargetBytes,
		"/a?b#c":              match.ErrTargetBytes,
		"/a?\x7f":             match.ErrTargetBytes,
		"/é":                  match.ErrTargetBytes,
	} {
		if got, err := match.Target(target); !errors.Is(err, want) {
			t.Errorf("%q: got %q %v, want %v", target, got, err, want)
		}
	}
}

func route(name string, path contract.Path, hostnames ...string) contract.Route {
	return contract.Route{Name: name, Hostnames: hostnames, Path: path}
}

func prefix(p string) contract.Path { return contract.Path{Prefix: p} }
func exact(p string) contract.Path  { return contract.Path{Exact: p} }

func TestTheMostSpecificRouteWinsInEveryOrderOfTheList(t *testing.T) {
	t.Parallel()
	routes := []contract.Route{
		route("all", prefix("/"), "ws.example.com"),
		route("chat", prefix("/chat"), "ws.example.com"),
		route("chat-room", prefix("/chat/room/"), "ws.example.com"),
		route("chat-exact", exact("/chat"), "ws.example.com"),
		route("wild-chat", prefix("/chat"), "*.example.com"),
		route("wild-admin", prefix("/wild"), "*.example.com"),
		route("b-twin", prefix("/twin"), "ws.example.com"),
		route("a-twin", prefix("/twin"), "ws.example.com"),
		route("special", exact("/only"), "one.example.com"),
	}
	want := []struct{ host, path, route string }{
		{"ws.example.com", "/", "all"},
		{"ws.example.com", "/x", "all"},
		{"ws.example.com", "/chat", "chat-exact"},
		{"ws.example.com", "/chat/", "chat"},
		{"ws.example.com", "/chat/x", "chat"},
		{"ws.example.com", "/chatter", "all"},
		{"ws.example.com", "/chat/room", "chat-room"},
		{"ws.example.com", "/chat/room/1", "chat-room"},
		{"ws.example.com", "/chat/rooms", "chat"},
		{"ws.example.com", "/twin", "a-twin"},
		{"ws.example.com", "/wild", "all"},
		{"one.example.com", "/only", "special"},
		{"one.example.com", "/chat", "wild-chat"},
		{"two.example.com", "/chat", "wild-chat"},
		{"two.example.com", "/", ""},
		{"example.com", "/chat", ""},
		{"a.b.example.com", "/chat", ""},
	}
	for range 20 {
		rand.Shuffle(len(routes), func(i, j int) { routes[i], routes[j] = routes[j], routes[i] })
		index := match.NewRoutes(routes)
		for _, w := range want {
			got, ok := index.Lookup(w.host, w.path)
			if ok != (w.route != "") || (ok && got.Name != w.route) {
				t.Fatalf("%s%s: got %v, want %q", w.host, w.path, got, w.route)
			}
		}
	}
}

// A name that somebody has is not served by the wildcard of another namespace, not
// even on paths that nobody serves.
func TestAWildcardOfAnotherNamespaceGetsNothingOfAnExactName(t *testing.T) {
	t.Parallel()
	index := match.NewRoutes([]contract.Route{
		route("own", exact("/chat"), "www.example.com"),
		route("rest", prefix("/rest"), "*.example.com"),
		route("team-a/a/r", prefix("/chat"), "a.example.com"),
		route("team-b/b/r", prefix("/"), "*.example.com"),
		route("team-b/c/r", exact("/chat"), "b.example.com"),
	})
	for _, w := range []struct{ host, path, route string }{
		{"a.example.com", "/chat", "team-a/a/r"},
		{"a.example.com", "/other", ""},
		{"a.example.com", "/rest", "rest"},
		{"b.example.com", "/other", "team-b/b/r"},
		{"c.example.com", "/other", "team-b/b/r"},
		{"www.example.com", "/other", ""},
		{"www.example.com", "/rest", "rest"},
	} {
		got, ok := index.Lookup(w.host, w.path)
		if ok != (w.route != "") || (ok && got.Name != w.route) {
			t.Errorf("%s%s: got %v, want %q", w.host, w.path, got, w.route)
		}
	}
}

func TestARouteCoversWhatItServesAlsoWhenAnotherIsMoreSpecific(t *testing.T) {
	t.Parallel()
	index := match.NewRoutes([]contract.Route{
		route("all", prefix("/"), "*.example.com"),
		route("chat", exact("/chat"), "ws.example.com"),
	})
	for _, test := range []struct {
		name, host, path string
		want             bool
	}{
		{"all", "ws.example.com", "/chat", true},
		{"chat", "ws.example.com", "/chat", true},
		{"chat", "ws.example.com", "/chat/", false},
		{"chat", "other.example.com", "/chat", false},
		{"gone", "ws.example.com", "/chat", false},
	} {
		if got := index.Covers(test.name, test.host, test.path); got != test.want {
			t.Errorf("%+v: got %v", test, got)
		}
	}
}

func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"/", "/chat/room?x=1", "/%2e%2e/", "/a%20b", "//x", "/%C3%A9", "/a/../b", "/\\", "/%zz?"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		path, err := match.Target(target)
		if err != nil {
			return
		}
		// Another reader must see the same path, and none must find in it a way
		// up or a second separator.
		parsed, err := url.ParseRequestURI(target)
		if err != nil || parsed.Path != path || parsed.Host != "" {
			t.Fatalf("%q: we read %q, net/url %+v %v", target, path, parsed, err)
		}
		if strings.Contains(path, "//") || strings.Contains(path, "\\") || strings.Contains(path+"/", "/../") || strings.Contains(path+"/", "/./") {
			t.Fatalf("%q: dangerous path %q", target, path)
		}
	})
}

func FuzzHost(f *testing.F) {
	for _, seed := range []string{"ws.example.com", "WS.example.com:443", "[::1]:1", "a@b", "", ":", "[", "[]", "[]:1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		name, err := match.Host(header)
		if err != nil {
			return
		}
		if name == "" || name != strings.ToLower(name) && name[0] != '[' || strings.ContainsAny(name, " /@\\\x00") {
			t.Fatalf("%q: got %q", header, name)
		}
		if again, err := match.Host(name); err != nil || again != name {
			t.Fatalf("%q is %q, which is %q %v", header, name, again, err)
		}
	})
}
