// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn/external"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

// Many servers take no more than a hundred requests at once on a connection.
const streams = 100

// aboutOpen tells what a server was asked about.
func aboutOpen(r *authv3.CheckRequest) bool {
	return r.GetAttributes().GetContextExtensions()["session"] != ""
}

// Else whoever sends many handshakes to a server that is slow with them could end
// the connections of others, about which it says nothing any more.
func TestHandshakesAndOpenConnectionsDoNotTakeEachOthersRoom(t *testing.T) {
	t.Parallel()
	handshake := question()
	open := &external.Question{Policy: "users", Open: &external.Open{Connection: "c-1", Session: "s-1", Subject: "ann"}}
	for name, tt := range map[string]struct{ storm, other *external.Question }{
		"a storm of handshakes":       {handshake, open},
		"a storm of open connections": {open, handshake},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := wstest.Authorize(t, func(ctx context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
				if aboutOpen(r) == (tt.storm.Open != nil) {
					<-ctx.Done()
					return nil, fmt.Errorf("it took too long: %w", ctx.Err())
				}
				return wstest.Admit(t, nil), nil
			}, grpc.MaxConcurrentStreams(streams))
			clients := clientsOf(t, &log{}, server.Address)
			hanging, hangUp := context.WithCancel(t.Context())
			var storm sync.WaitGroup
			defer storm.Wait()
			defer hangUp()
			for range 400 { // more than either has room for
				storm.Go(func() { _, _ = clients.Check(hanging, "authz:9000", tt.storm) })
			}
			deadline := time.Now().Add(20 * time.Second)
			for len(server.Questions()) < streams {
				if time.Now().After(deadline) {
					t.Fatalf("only %d questions hang", len(server.Questions()))
				}
				time.Sleep(5 * time.Millisecond)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if _, err := clients.Check(ctx, "authz:9000", tt.other); err != nil {
				t.Errorf("the other question: %v", err)
			}
		})
	}
}
