// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package plugin_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/cmd/wsgw/plugin"
	gatewaypkg "github.com/wsgateway/websocket-gateway-operator/gateway"
	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/control"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// podGateway is a gateway on loopback that stands for a pod.
type podGateway struct {
	ca        *wstest.CA
	root      *wstest.Root
	addresses map[string]string
	audit     *buffer
}

const deviceKeys = "a-key-of-a-device-that-is-long-enough"

// contractOf has one route for who shows an API key and one for everybody.
func contractOf(space string) contract.Config {
	return contract.Config{
		Version: contract.Version,
		Gateway: contract.GatewayRef{Namespace: space, Name: "edge"},
		Listeners: []contract.Listener{{
			Name: "public", Port: 443, BindPort: 10443, Hostnames: []string{"ws.example.com"}, MinTLSVersion: "1.2", CertificateSecret: "public-tls",
		}},
		Policies: []contract.Policy{
			{Name: "open", Methods: []contract.Method{{Anonymous: &contract.Anonymous{}}}},
			{Name: "devices", Methods: []contract.Method{{APIKey: &contract.APIKey{Secret: "keys", From: []contract.Source{{Header: "X-API-Key"}}}}}},
		},
		Routes: []contract.Route{
			{Name: "chat", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/chat"}, Policy: "devices", Backends: []contract.Backend{{Name: "echo"}}},
			{Name: "feed", Hostnames: []string{"ws.example.com"}, Path: contract.Path{Prefix: "/feed"}, Policy: "open", Backends: []contract.Backend{{Name: "echo"}}},
		},
	}
}

// serve runs a gateway as the pod of that name, and makes the pod.
func (b *bench) serve(name string) *podGateway {
	b.t.Helper()
	p := &podGateway{ca: wstest.NewCA(b.t), audit: &buffer{}}
	root := wstest.NewRoot(b.t)
	p.root = root
	root.TLSSecret(b.t, "public-tls", p.ca.Issue(b.t, "ws.example.com"))
	root.Secret(b.t, "keys", map[string][]byte{"sensor-1": []byte(deviceKeys)})
	root.Config(b.t, contractOf(b.space), contract.Endpoints{
		Version: contract.Version, Backends: map[string]contract.BackendEndpoints{"echo": {Addresses: []string{wstest.Echo(b.t).Address}}},
	})
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan map[string]string, 1), make(chan error, 1)
	go func() {
		done <- gatewaypkg.Run(ctx, gatewaypkg.Options{
			Root: root.Path, BindHost: "127.0.0.1", BindPorts: map[string]int32{"public": 0},
			AdminAddress: "127.0.0.1:0", ControlAddress: "127.0.0.1:0", AllowLoopback: true,
			DrainWindow: time.Second, AcceptAfterStop: -1, PollInterval: time.Hour,
			Gateway: contract.GatewayRef{Namespace: b.space, Name: "edge"}, PodName: name, PodUID: "uid-" + name, Version: "v0-test",
			Audit: p.audit, Logger: slog.New(slog.DiscardHandler),
			OnReady: func(addresses map[string]string) { ready <- addresses },
		})
	}()
	b.t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			b.t.Errorf("gateway: %v", err)
		}
		if checked, err := auditRecords.CheckAll(p.audit.String()); checked == 0 || err != nil {
			b.t.Errorf("%d records fit the schema; %v", checked, err)
		}
	})
	select {
	case p.addresses = <-ready:
	case err := <-done:
		done <- nil
		b.t.Fatalf("gateway ended at once: %v", err)
	}
	b.dialer.mu.Lock()
	b.dialer.ports[name] = map[int]string{
		contract.AdminPort: p.addresses[gatewaypkg.AdminName], contract.ControlPort: p.addresses[gatewaypkg.ControlName],
	}
	b.dialer.mu.Unlock()
	b.create(pod("edge", name, ""))
	return p
}

// connect opens n connections; what is said about their ends comes later.
func (p *podGateway) connect(t *testing.T, n int, path, key string) *guests {
	t.Helper()
	dialer := wstest.Dialer{Address: p.addresses["public"], CAs: p.ca.Pool, Header: http.Header{}}
	if key != "" {
		dialer.Header.Set("X-Api-Key", key)
	}
	g := &guests{ended: map[int]int{}}
	t.Cleanup(g.all.Wait) // after the connections are closed
	for range n {
		conn := dialer.MustDial(t, "wss://ws.example.com"+path)
		g.all.Go(func() {
			for {
				if _, _, err := conn.ReadMessage(); err != nil {
					g.mu.Lock()
					defer g.mu.Unlock()
					closed, _ := err.(*websocket.CloseError) //nolint:errorlint // gorilla does not wrap it
					if closed != nil {
						g.ended[closed.Code]++
					} else {
						g.ended[0]++
					}
					return
				}
			}
		})
		t.Cleanup(func() { _ = conn.Close() })
	}
	return g
}

// guests are clients that wait for their end.
type guests struct {
	all   sync.WaitGroup
	mu    sync.Mutex
	ended map[int]int
}

// await waits until n have ended with a code.
func (g *guests) await(t *testing.T, n, code int) {
	t.Helper()
	eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.ended[code] == n
	})
}

func eventually(t *testing.T, fine func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !fine(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it has not come about")
		}
	}
}

// scene is a gateway of two pods with guests.
type played struct {
	*bench
	// chat are at one, feed at two.
	chat, feed *guests
	one, two   *podGateway
}

func scene(t *testing.T) *played {
	t.Helper()
	p := &played{bench: newBench(t)}
	p.create(gateway("edge"))
	p.one, p.two = p.serve("wsgw-edge-1"), p.serve("wsgw-edge-2")
	p.chat = p.one.connect(t, 3, "/chat/room", deviceKeys)
	p.feed = p.two.connect(t, 2, "/feed", "")
	return p
}

func TestConnectionsOfAllPodsAreOneList(t *testing.T) {
	t.Parallel()
	b := scene(t)
	for name, tt := range map[string]struct {
		args []string
		want int
		text []string
	}{
		"all":               {nil, 5, []string{"wsgw-edge-1", "wsgw-edge-2", "sensor-1"}},
		"of a route":        {[]string{"--route", "feed"}, 2, []string{"feed"}},
		"of an identity":    {[]string{"--subject", "sensor-1", "--policy", "devices"}, 3, []string{"sensor-1"}},
		"of a pod":          {[]string{"--pod", "wsgw-edge-2"}, 2, []string{"wsgw-edge-2"}},
		"of a network":      {[]string{"--client", "127.0.0.0/8"}, 5, nil},
		"of another":        {[]string{"--client", "203.0.113.0/24"}, 0, nil},
		"that are old":      {[]string{"--older-than", "1h"}, 0, nil},
		"in another order":  {[]string{"--sort", "bytes"}, 5, nil},
		"without a limit":   {[]string{"--limit", "0", "--sort", "rate"}, 5, nil},
		"with every column": {[]string{"-o", "wide"}, 5, []string{"/chat/room", "apiKey", "UPSTREAM"}},
	} {
		out, log, code := b.run(append([]string{"connections", "edge"}, tt.args...)...)
		if got := strings.Count(out, "\n") - 1; code != 0 || log != "" || got != tt.want {
			t.Errorf("%s: exit status %d, %d connections, want %d\n%s%s", name, code, got, tt.want, out, log)
		}
		for _, text := range tt.text {
			if !strings.Contains(out, text) {
				t.Errorf("%s: no %q in\n%s", name, text, out)
			}
		}
	}
}

func TestConnectionsTellWhatIsMissing(t *testing.T) {
	t.Parallel()
	b := scene(t)
	if out, log, code := b.run("connections", "--limit", "2"); code != 0 || strings.Count(out, "\n") != 3 || !strings.Contains(log, "3 of 5") {
		t.Errorf("limit: exit status %d\n%s%s", code, out, log)
	}
	b.create(pod("edge", "wsgw-edge-3", ""))
	if out, log, code := b.run("connections"); code != 1 || strings.Count(out, "\n") != 6 || !strings.Contains(log, "wsgw-edge-3") {
		t.Errorf("a pod that does not answer: exit status %d\n%s%s", code, out, log)
	}
	out, _, code := b.run("connections", "-o", "json")
	if code != 1 || !strings.Contains(out, `"failures"`) || !strings.Contains(out, `"matched": 5`) {
		t.Errorf("as data: exit status %d\n%s", code, out)
	}
}

func TestStatusHasWhatPodsSay(t *testing.T) {
	t.Parallel()
	b := scene(t)
	out, log, code := b.run("status", "edge")
	for _, want := range []string{
		"5 connections", "Pod wsgw-edge-1  Ready  config waiting  3 of ", "Route chat", "policy open  3 connections", "policy open  2 connections", "serial ",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if code != 0 || log != "" || strings.Contains(out, "did not answer") {
		t.Errorf("exit status %d, standard error %q\n%s", code, log, out)
	}
}

func TestTopIsPrintedOnceWithoutATerminal(t *testing.T) {
	t.Parallel()
	b := scene(t)
	out, log, code := b.run("top", "edge", "--sort", "opened")
	if code != 0 || log != "" || strings.Contains(out, "\x1b") || strings.Count(out, "sensor-1") != 3 ||
		!strings.Contains(out, "2 pods   5 connections") || !strings.Contains(out, "wsgw-edge-2") {
		t.Errorf("exit status %d, standard error %q\n%s", code, log, out)
	}
}

func TestTopIsDrawnOnATerminalUntilSomebodyQuits(t *testing.T) {
	t.Parallel()
	b := scene(t)
	keys, typed := io.Pipe()
	screen := &screen{}
	b.in, b.terminal, b.watched = keys, screen, &buffer{}
	var typing sync.WaitGroup
	typing.Go(func() {
		defer func() { _ = typed.Close() }()
		for _, step := range []struct{ seen, key string }{{"by rate", "s"}, {"by idle", "q"}} {
			if !b.shows(step.seen) {
				return
			}
			_, _ = io.WriteString(typed, step.key)
		}
	})
	out, log, code := b.run("top", "edge", "--interval", "500ms")
	_ = keys.Close()
	typing.Wait()
	if code != 0 || log != "" || screen.raw != 0 {
		t.Errorf("exit status %d, standard error %q, raw %d", code, log, screen.raw)
	}
	if !strings.HasPrefix(out, "\x1b[?1049h") || !strings.HasSuffix(out, "\x1b[?25h\x1b[?1049l") {
		t.Errorf("the terminal is not as it was: %q", out)
	}
	if !strings.Contains(out, "by rate") || !strings.Contains(out, "by idle") {
		t.Errorf("the order has not changed:\n%s", out)
	}
	for line := range strings.SplitSeq(out, "\r\n") {
		if strings.Contains(line, "\n") {
			t.Errorf("a line does not go back to the left: %q", line)
		}
	}
}

// screen is a terminal of 100 to 20.
type screen struct{ raw int }

func (*screen) Size() (width, height int) { return 100, 20 }

func (s *screen) Raw() (func() error, error) {
	s.raw++
	return func() error { s.raw--; return nil }, nil
}

func TestCloseAsksFirst(t *testing.T) {
	t.Parallel()
	b := scene(t)
	if out, log, code := b.run("close", "edge", "--route", "chat"); code != 2 || !strings.Contains(log, "--yes") || !strings.Contains(out, "wsgw-edge-1  chat             3") {
		t.Errorf("nobody to ask: exit status %d\n%s%s", code, out, log)
	}
	b.interactive = true
	for _, answer := range []string{"", "\n", "n\n", "yellow\n"} {
		b.in = strings.NewReader(answer)
		if _, log, code := b.run("close", "edge", "--route", "chat"); code != 1 || !strings.Contains(log, "nothing was closed") {
			t.Errorf("answer %q: exit status %d, %s", answer, code, log)
		}
	}
	if out, log, code := b.run("close", "edge", "--route", "chat", "--dry-run"); code != 0 || log != "" || !strings.Contains(out, "3") {
		t.Errorf("dry run: exit status %d\n%s%s", code, out, log)
	}
	if out, _, _ := b.run("connections"); strings.Count(out, "\n") != 6 {
		t.Errorf("something was closed before anybody said yes:\n%s", out)
	}
	b.in = strings.NewReader("y\n")
	out, log, code := b.run("close", "edge", "--issuer", "keys", "--subject", "sensor-1", "--reason", "ticket 4711", "--claimed-by", "erin")
	if code != 0 || !strings.Contains(log, "Close 3 connections on 1 pod of") || !strings.Contains(out, "3 connections told to end, claimed by erin") {
		t.Errorf("exit status %d\n%s%s", code, out, log)
	}
	eventually(t, func() bool { list, _, _ := b.run("connections"); return strings.Count(list, "\n") == 3 })
	b.feed.mu.Lock()
	if len(b.feed.ended) != 0 {
		t.Errorf("others were closed too: %v", b.feed.ended)
	}
	b.feed.mu.Unlock()
	eventually(t, func() bool { return strings.Count(b.one.audit.String(), "closed_by_administrator") >= 3 })
	if log := b.one.audit.String(); !strings.Contains(log, "erin") || !strings.Contains(log, "ticket 4711") {
		t.Errorf("the audit log does not say who and why:\n%s", log)
	}
}

func TestCloseWithoutAQuestion(t *testing.T) {
	t.Parallel()
	b := scene(t)
	out, log, code := b.run("close", "edge", "--route", "feed", "--yes")
	if code != 0 || log != "" || !strings.Contains(out, "2 connections told to end") {
		t.Errorf("exit status %d\n%s%s", code, out, log)
	}
	eventually(t, func() bool {
		b.feed.mu.Lock()
		defer b.feed.mu.Unlock()
		n := 0
		for _, ended := range b.feed.ended {
			n += ended
		}
		return n == 2
	})
	// The name is the one that the API server has for who asks.
	eventually(t, func() bool { return strings.Contains(b.two.audit.String(), "admin") })
	if out, _, code := b.run("close", "edge", "--route", "feed", "--yes"); code != 0 || !strings.Contains(out, "no connection fits") {
		t.Errorf("again: exit status %d, %s", code, out)
	}
}

func TestCloseNeedsAFilter(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"nothing":               {nil, "nothing is selected"},
		"a subject of nobody":   {[]string{"--subject", "ann"}, "of which issuer or policy"},
		"a bad network":         {[]string{"--client", "everywhere"}, "neither an address nor a network"},
		"too long a time":       {[]string{"--route", "chat", "--over", "24h"}, "over"},
		"an unprintable reason": {[]string{"--route", "chat", "--reason", "a\nb"}, "cannot be printed"},
		"too long a name":       {[]string{"--route", "chat", "--claimed-by", strings.Repeat("x", 200)}, "claimedBy"},
	} {
		_, log, code := b.run(append([]string{"close", "edge"}, tt.args...)...)
		if code != 2 || !strings.Contains(log, tt.want) || strings.Count(log, "\n") != 1 {
			t.Errorf("%s: exit status %d, %q", name, code, log)
		}
	}
	if b.dialer.asked != 0 {
		t.Errorf("pods were asked %d times", b.dialer.asked)
	}
}

func TestAPodIsDrainedAndComesBack(t *testing.T) {
	t.Parallel()
	b := scene(t)
	if _, log, code := b.run("drain", "wsgw-edge-1"); code != 2 || !strings.Contains(log, "--yes") {
		t.Errorf("nobody to ask: exit status %d, %s", code, log)
	}
	out, log, code := b.run("drain", "wsgw-edge-1", "--yes", "--wait", "--window", "1s", "--reason", "profile")
	if code != 0 || log != "" || !strings.Contains(out, "drain done, 0 connections left") {
		t.Errorf("exit status %d\n%s%s", code, out, log)
	}
	b.chat.await(t, 3, 1012)
	before := b.end(t, "wsgw-edge-1")
	if out, log, code := b.run("drain", "wsgw-edge-1", "--yes", "--for", "5h"); code != 0 || !strings.Contains(out, ", until ") {
		t.Errorf("for longer: exit status %d\n%s%s", code, out, log)
	}
	if after := b.end(t, "wsgw-edge-1"); after.Sub(before) < 3*time.Hour {
		t.Errorf("over at %v, before that at %v", after, before)
	}
	if out, _, _ := b.run("status", "edge"); !strings.Contains(out, "drain done, until ") || !strings.Contains(out, "drain wsgw-edge-1") {
		t.Errorf("the status does not say so:\n%s", out)
	}
	if out, _, code := b.run("drain", "wsgw-edge-1", "--undo"); code != 0 || !strings.Contains(out, "accepts connections") {
		t.Errorf("undo: exit status %d, %s", code, out)
	}
	if out, _, _ := b.run("status", "edge"); strings.Contains(out, "drain") {
		t.Errorf("it is still drained:\n%s", out)
	}
}

// end is when the drain of a pod is over by itself, as the status tells it.
func (b *bench) end(t *testing.T, pod string) time.Time {
	t.Helper()
	out, log, _ := b.run("status", "edge", "-o", "json")
	var found plugin.Statuses
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatalf("%v: %s%s", err, out, log)
	}
	for _, p := range found.Gateways[0].Pods {
		if p.Name == pod && p.DrainUntil != nil {
			return *p.DrainUntil
		}
	}
	t.Fatalf("no end of a drain of %s:\n%s", pod, out)
	return time.Time{}
}

func TestOnlyGatewayPodsAreDrained(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	other := pod("edge", "other", "")
	other.Labels = nil
	b.create(other, pod("edge", "pending", "ImagePullBackOff"))
	for name, tt := range map[string]struct {
		args []string
		code int
		want string
	}{
		"another pod":   {[]string{"other", "--yes"}, 1, "no gateway pod"},
		"no pod":        {[]string{"nothing", "--yes"}, 1, "no pod"},
		"one to come":   {[]string{"pending", "--yes"}, 1, "nothing to drain"},
		"two":           {[]string{"a", "b"}, 2, "name one pod"},
		"a long window": {[]string{"other", "--window", "3h"}, 2, "--window"},
		"both":          {[]string{"other", "--undo", "--wait"}, 2, "--undo"},
		"back and out":  {[]string{"other", "--undo", "--for", "2h"}, 2, "--undo"},
		"for days":      {[]string{"other", "--for", "72h"}, 2, "--for"},
	} {
		_, log, code := b.run(append([]string{"drain"}, tt.args...)...)
		if code != tt.code || !strings.Contains(log, tt.want) {
			t.Errorf("%s: exit status %d, %q", name, code, log)
		}
	}
	if b.dialer.asked != 0 {
		t.Errorf("pods were asked %d times", b.dialer.asked)
	}
}

// A client chooses its path and part of its name, and a pod may be anything:
// nothing of it can move the cursor.
func TestNothingThatAPodTellsReachesTheTerminalAsItIs(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create(gateway("edge"), pod("edge", "wsgw-edge-1", ""))
	hostile := "bad\x1b[2J\r\n\a"
	pretender := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any = control.State{Version: hostile, NotReady: hostile, Problems: []control.Problem{{Kind: hostile, Name: hostile, Reason: hostile, Message: hostile}}}
		switch r.URL.Path {
		case control.PathConnections:
			answer = control.Connections{Matched: 1, Connections: []control.Connection{{ID: hostile, Subject: hostile, Path: hostile, Route: hostile}}}
		case control.PathClose:
			w.WriteHeader(http.StatusConflict)
			answer = control.Error{Message: hostile}
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(pretender.Close)
	b.dialer.ports["wsgw-edge-1"] = map[int]string{contract.ControlPort: strings.TrimPrefix(pretender.URL, "http://")}
	for _, args := range [][]string{{"connections", "-o", "wide"}, {"top"}, {"status", "-o", "wide"}, {"close", "--route", "chat", "--yes"}} {
		out, log, _ := b.run(args...)
		if strings.ContainsAny(out+log, "\x1b\r\a") || !strings.Contains(out+log, "bad") {
			t.Errorf("%q:\n%q\n%q", args, out, log)
		}
	}
}

// refused makes a handshake that is not answered with 101.
func (p *podGateway) refused(t *testing.T, path string) {
	t.Helper()
	conn, _, err := wstest.Dialer{Address: p.addresses["public"], CAs: p.ca.Pool}.Dial(t.Context(), "wss://ws.example.com"+path)
	if err == nil {
		_ = conn.Close()
		t.Fatalf("%s was let in", path)
	}
}
