// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// closedConfig is baseConfig for callers with an API key only.
func closedConfig() contract.Config {
	config := baseConfig()
	config.Policies[0].Methods = []contract.Method{{APIKey: &contract.APIKey{
		Secret: "keys", From: []contract.Source{{Header: "X-Api-Key"}},
	}}}
	return config
}

func answerTo(t *testing.T, conn net.Conn) int {
	t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestACallerWhoAsksLateIsJudgedByTheRulesOfThatMoment(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*contract.Config)
		want   int
	}{
		{"the policy asks for a key now", func(c *contract.Config) { c.Policies = closedConfig().Policies }, 401},
		{"the route is gone", func(c *contract.Config) { c.Routes[0].Path.Prefix = "/elsewhere" }, 404},
		{"the name is served no more", func(c *contract.Config) { c.Listeners[0].Hostnames = c.Listeners[0].Hostnames[1:] }, 421},
		{"the listener is gone", func(c *contract.Config) { c.Listeners[0].Name, c.Listeners[0].Port = "other", 8443 }, 421},
		{"a route came to be", func(c *contract.Config) { c.Routes[0].Path.Prefix = "/" }, 101},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, echo := startBase(t, nil)
			r.root.Secret(t, "keys", map[string][]byte{"device-1": []byte("0123456789abcdef0123456789abcdef")})
			late := r.speakTLS(t, "public", "ws.example.com")
			if err := late.Handshake(); err != nil {
				t.Fatal(err)
			}
			config := baseConfig()
			test.change(&config)
			r.root.Config(t, config, endpoints(echo.Address))
			r.served(t, config)
			if _, err := io.WriteString(late, request()); err != nil {
				t.Fatal(err)
			}
			if got := answerTo(t, late); got != test.want {
				t.Errorf("status %d, want %d", got, test.want)
			}
		})
	}
}

// hesitant is a backend that answers its handshakes when it is told to.
func hesitant(t *testing.T) (upstream *wstest.Upstream, asked <-chan struct{}, agree func()) {
	t.Helper()
	came, may := make(chan struct{}, 16), make(chan struct{})
	upstream = wstest.Raw(t, func(conn net.Conn) {
		request, err := http.ReadRequest(bufio.NewReader(conn))
		if err != nil {
			return
		}
		came <- struct{}{}
		<-may
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "+
			wstest.Accept(request.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n")
		_, _ = io.Copy(io.Discard, conn)
	})
	return upstream, came, func() { close(may) }
}

func TestAChangeWhileTheBackendIsAskedCountsForTheNewcomer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(*contract.Config)
		want   int
	}{
		{"nothing that concerns it", func(c *contract.Config) { c.Limits = &contract.Limits{MaxMessageBytes: new(int64(7))} }, 101},
		{"the policy asks for a key now", func(c *contract.Config) { c.Policies = closedConfig().Policies }, 401},
		{"the route is gone", func(c *contract.Config) { c.Routes[0].Path.Prefix = "/elsewhere" }, 404},
		{"another route serves the path", func(c *contract.Config) {
			other := c.Routes[0]
			other.Name, other.Path.Prefix = "room", "/chat/room"
			c.Routes = append(c.Routes, other)
		}, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			backend, asked, agree := hesitant(t)
			ca, root := wstest.NewCA(t), wstest.NewRoot(t)
			root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
			root.Secret(t, "keys", map[string][]byte{"device-1": []byte("0123456789abcdef0123456789abcdef")})
			root.Config(t, baseConfig(), endpoints(backend.Address))
			r := start(t, root, ca, nil)
			answers := make(chan int, 1)
			go func() {
				conn, response, err := r.dialer("public").Dial(t.Context(), chatURL+"/room")
				if response == nil {
					answers <- -1
					return
				}
				answers <- response.StatusCode
				if err == nil {
					_ = conn.Close()
				}
			}()
			<-asked
			config := baseConfig()
			test.change(&config)
			root.Config(t, config, endpoints(backend.Address))
			r.served(t, config)
			agree()
			if got := <-answers; got != test.want {
				t.Errorf("status %d, want %d", got, test.want)
			}
			until(t, func() string {
				if open := backend.Open(); open > 0 {
					return "the backend's connection is still open"
				}
				return ""
			})
			r.end(t)
			opened, denied := len(r.audit.records(t, "opened")), len(r.audit.records(t, "denied"))
			if closed := len(r.audit.records(t, "closed")); opened+denied != 1 || closed != opened {
				t.Errorf("%d opened, %d closed, %d denied", opened, closed, denied)
			}
		})
	}
}

// However a change and newcomers meet, nobody is left on a route that is gone.
func TestNobodySlipsInWhileARouteGoesAway(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	stop := make(chan struct{})
	var conns []*websocket.Conn
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if conn, _, err := r.dialer("public").Dial(t.Context(), chatURL); err == nil {
				conns = append(conns, conn)
			}
		}
	}()
	until(t, func() string {
		if r.report(t).Connections == 0 {
			return "nobody has come"
		}
		return ""
	})
	config := baseConfig()
	config.Routes[0].Path.Prefix = "/elsewhere"
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
	close(stop)
	<-done
	for i, conn := range conns {
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Errorf("connection %d of %d: %v", i, len(conns), err)
		}
		_ = conn.Close()
	}
}

func TestTheReportDoesNotRunAheadOfTheRules(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, func(c *contract.Config) {
		c.Limits = &contract.Limits{HandshakeTimeout: new(contract.Duration(patience))}
	})
	r.root.Secret(t, "keys", map[string][]byte{"device-1": []byte("0123456789abcdef0123456789abcdef")})
	// Many keys make the change take its time.
	one := strings.TrimSuffix(strings.TrimPrefix(newIssuer(t).keySet(t), `{"keys":[`), "]}")
	many := `{"keys":[` + strings.Repeat(one+",", 59) + one + "]}"
	config := closedConfig()
	for i := range 30 {
		config.Policies = append(config.Policies, contract.Policy{Name: fmt.Sprintf("p%d", i), Methods: []contract.Method{{JWT: &contract.JWT{
			Issuer: "https://id.example.com", Audiences: []string{"chat"}, Algorithms: []string{"ES256"},
			KeySet: contract.KeySet{Inline: many}, From: []contract.Source{{Header: "Authorization"}},
		}}}})
	}
	early := r.speakTLS(t, "public", "ws.example.com")
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
	if _, err := io.WriteString(early, request()); err != nil {
		t.Fatal(err)
	}
	if got := answerTo(t, early); got != http.StatusUnauthorized {
		t.Errorf("status %d by rules that the report had left behind", got)
	}
}

// The hostname has been given up by one namespace and claimed by another, both in one
// change: whoever is connected is so to a backend of the former.
func TestARouteOfAnotherNamespaceKeepsNoConnections(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, func(c *contract.Config) { c.Routes[0].Name = "team-a/chat/all" })
	talkers := wstest.Talk(t, r.dialer("public"), chatURL, 10, 10*time.Millisecond)
	config := baseConfig()
	config.Routes[0].Name = "team-b/chat/all"
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
	talkers.Wait()
	reasons, _ := talkers.Ended()
	if len(reasons) != 10 {
		t.Errorf("%d connections of 10 have been ended", len(reasons))
	}
	for _, err := range reasons {
		if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Errorf("ended by %v", err)
		}
	}
}

func TestARouteThatIsRenamedOrDividedKeepsItsConnections(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	talkers := wstest.Talk(t, r.dialer("public"), chatURL+"/room", 10, 10*time.Millisecond)
	config := baseConfig()
	put := func(change func(*contract.Config)) {
		t.Helper()
		change(&config)
		r.root.Config(t, config, endpoints(echo.Address))
		r.served(t, config)
	}
	put(func(c *contract.Config) { c.Routes[0].Name = "renamed" })
	put(func(c *contract.Config) { c.Routes[0].Path.Prefix = "/chat/room" })
	// Longer than the connections of a route that is gone have.
	time.Sleep(1500 * time.Millisecond)
	if n := r.report(t).Connections; n != 10 {
		t.Errorf("%d connections of 10 are left", n)
	}
	// The path is served, but to others.
	put(func(c *contract.Config) {
		c.Policies = append(c.Policies, closedConfig().Policies[0])
		c.Policies[1].Name = "keys"
		c.Routes[0].Policy = "keys"
	})
	talkers.Wait()
	reasons, _ := talkers.Ended()
	for _, err := range reasons {
		if !websocket.IsCloseError(err, websocket.CloseGoingAway) {
			t.Errorf("ended by %v", err)
		}
	}
}
