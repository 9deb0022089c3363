// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package gateway_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/wsgateway/websocket-gateway-operator/gateway/contract"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// overstep is what a client of a route does, and how its connection ends.
type overstep struct {
	limits contract.RouteLimits
	kind   int
	// size of each message, and how many there are.
	size, messages int
	code           int
	reason         outcome.Reason
}

// oversteps are by the name of the limit. What they send passes on other routes of
// the same gateway, whose own limits are short at 2000 bytes.
func oversteps() map[string]overstep {
	return map[string]overstep{
		"maxMessageBytes":   {contract.RouteLimits{MaxMessageBytes: new(int64(300))}, websocket.BinaryMessage, 301, 1, 1009, outcome.MessageTooBig},
		"maxFrameBytes":     {contract.RouteLimits{MaxFrameBytes: new(int64(300))}, websocket.BinaryMessage, 301, 1, 1009, outcome.MessageTooBig},
		"messageTypes":      {contract.RouteLimits{MessageTypes: contract.OnlyText}, websocket.BinaryMessage, 1, 1, 1003, outcome.UnwantedType},
		"messagesPerSecond": {contract.RouteLimits{MessagesPerSecond: new(int32(1))}, websocket.BinaryMessage, 1, 50, 1008, outcome.MessageRate},
		"idleTimeout":       {contract.RouteLimits{IdleTimeout: new(contract.Duration(50 * time.Millisecond))}, websocket.BinaryMessage, 1, 1, 1001, outcome.IdleTimeout},
		"maxConnectionAge":  {contract.RouteLimits{MaxConnectionAge: new(contract.Duration(50 * time.Millisecond))}, websocket.BinaryMessage, 1, 1, 1001, outcome.MaxAge},
		"a looser one":      {contract.RouteLimits{MaxMessageBytes: new(int64(1 << 20))}, websocket.BinaryMessage, 2001, 1, 1009, outcome.MessageTooBig},
	}
}

// ofEachRelay adds a route below /chat for each relay.
func ofEachRelay(c *contract.Config, path string, limits *contract.RouteLimits) {
	for _, relay := range []contract.Relay{contract.RelayFrames, ""} {
		route := c.Routes[0]
		route.Name, route.Path.Prefix, route.Relay, route.Limits = path+string(relay), "/chat/"+path+string(relay), relay, limits
		c.Routes = append(c.Routes, route)
	}
}

func TestLimitsOfARouteEndItsConnectionsAndNoOthers(t *testing.T) {
	t.Parallel()
	paths := map[string]string{}
	r, _ := startBase(t, func(c *contract.Config) {
		c.Limits = &contract.Limits{MaxMessageBytes: new(int64(2000))}
		for name, test := range oversteps() {
			paths[name] = strings.ReplaceAll(name, " ", "-")
			ofEachRelay(c, paths[name], &test.limits)
		}
		ofEachRelay(c, "free", nil)
	})
	for _, relay := range []contract.Relay{contract.RelayFrames, ""} {
		free := r.dialer("public").MustDial(t, "wss://ws.example.com/chat/free"+string(relay))
		for name, test := range oversteps() {
			t.Run(name+" "+string(relay), func(t *testing.T) {
				conn := r.dialer("public").MustDial(t, "wss://ws.example.com/chat/"+paths[name]+string(relay))
				message := make([]byte, test.size)
				for range test.messages {
					// The end may have come already.
					_ = conn.WriteMessage(test.kind, message)
				}
				var closed *websocket.CloseError
				if err := endOf(conn); !errors.As(err, &closed) || closed.Code != test.code || closed.Text != string(test.reason) {
					t.Errorf("ended by %v, want %d %s", err, test.code, test.reason)
				}
				if test.size <= 2000 {
					comesBack(t, free, message, test.messages)
				}
			})
		}
	}
}

// endOf reads to the end.
func endOf(conn *websocket.Conn) error {
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	for {
		if _, _, err := conn.ReadMessage(); err != nil {
			return err
		}
	}
}

// comesBack sends messages, one after the other, and gets them back.
func comesBack(t *testing.T, conn *websocket.Conn, message []byte, times int) {
	t.Helper()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	for range times {
		if err := conn.WriteMessage(websocket.BinaryMessage, message); err != nil {
			t.Fatal(err)
		}
		if _, got, err := conn.ReadMessage(); err != nil || len(got) != len(message) {
			t.Fatalf("%d bytes of %d came back: %v", len(got), len(message), err)
		}
	}
}

func TestBytesPerSecondOfARouteSlowItsClients(t *testing.T) {
	t.Parallel()
	const burst, beyond, perSecond = 64 << 10, 8 << 10, 8 << 10
	r, _ := startBase(t, func(c *contract.Config) {
		ofEachRelay(c, "slow", &contract.RouteLimits{BytesPerSecond: new(int32(perSecond))})
	})
	for _, relay := range []contract.Relay{contract.RelayFrames, ""} {
		t.Run("relay "+string(relay), func(t *testing.T) {
			t.Parallel()
			conn := r.dialer("public").MustDial(t, "wss://ws.example.com/chat/slow"+string(relay))
			begun := time.Now()
			// What waits is what comes after the second's worth and the last of it.
			comesBack(t, conn, make([]byte, burst+beyond), 1)
			comesBack(t, conn, make([]byte, 1), 1)
			if took := time.Since(begun); took < 500*time.Millisecond {
				t.Errorf("%d bytes beyond the first took %v at %d per second", beyond, took, perSecond)
			}
		})
	}
}

func TestAChangedLimitOfARouteIsForNewConnections(t *testing.T) {
	t.Parallel()
	r, echo := startBase(t, nil)
	before := r.dialer("public").MustDial(t, chatURL)
	config := baseConfig()
	config.Routes[0].Limits = &contract.RouteLimits{MaxMessageBytes: new(int64(10))}
	r.root.Config(t, config, endpoints(echo.Address))
	r.served(t, config)
	after := r.dialer("public").MustDial(t, chatURL)
	comesBack(t, before, make([]byte, 11), 1)
	comesBack(t, after, make([]byte, 10), 1)
	if err := after.WriteMessage(websocket.BinaryMessage, make([]byte, 11)); err != nil {
		t.Fatal(err)
	}
	if err := endOf(after); !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("ended by %v", err)
	}
	comesBack(t, before, make([]byte, 11), 1)
}

func TestALimitThatCameWhileTheBackendWasAskedIsForTheNewcomer(t *testing.T) {
	t.Parallel()
	backend, asked, agree := hesitant(t)
	ca, root := wstest.NewCA(t), wstest.NewRoot(t)
	root.TLSSecret(t, "public-tls", ca.Issue(t, "ws.example.com", "*.chat.example.com"))
	root.Config(t, baseConfig(), endpoints(backend.Address))
	r := start(t, root, ca, nil)
	ended := make(chan error, 1)
	go func() {
		conn, _, err := r.dialer("public").Dial(t.Context(), chatURL)
		if err == nil {
			_ = conn.WriteMessage(websocket.BinaryMessage, make([]byte, 11))
			err = endOf(conn)
			_ = conn.Close()
		}
		ended <- err
	}()
	<-asked
	config := baseConfig()
	config.Routes[0].Limits = &contract.RouteLimits{MaxMessageBytes: new(int64(10))}
	root.Config(t, config, endpoints(backend.Address))
	r.served(t, config)
	agree()
	if err := <-ended; !websocket.IsCloseError(err, websocket.CloseMessageTooBig) {
		t.Errorf("ended by %v", err)
	}
}

func TestAnExplanationTellsTheLimitsOfItsRoute(t *testing.T) {
	t.Parallel()
	config := baseConfig()
	config.Limits = &contract.Limits{MaxMessageBytes: new(int64(2000)), MessagesPerSecond: new(int32(5))}
	config.Routes[0].Limits = &contract.RouteLimits{MaxMessageBytes: new(int64(1000)), MessagesPerSecond: new(int32(50))}
	explained := enquire(t, config, nil)
	if explained.Limits.MaxMessageBytes != 1000 || explained.Limits.MessagesPerSecond != 5 {
		t.Errorf("maxMessageBytes %d, messagesPerSecond %d", explained.Limits.MaxMessageBytes, explained.Limits.MessagesPerSecond)
	}
	config.Routes[0].Path.Prefix = "/elsewhere"
	if got := enquire(t, config, nil).Limits.MaxMessageBytes; got != 2000 {
		t.Errorf("without a route, maxMessageBytes is %d", got)
	}
}
