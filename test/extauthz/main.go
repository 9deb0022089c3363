// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

// Command extauthz is the authorization server of the tests on a real node. It
// speaks the protocol of Envoy's ext_authz filter (gRPC, version 3): it admits
// the users whose tokens are on its command line, and answers revalidations by
// the handle that it gave out with its first answer. Over HTTP a test changes
// its mind:
//
//	PUT /users/NAME?admitted=false   withdraws a user, true admits again
//	PUT /mode?is=unavailable         answers that it cannot tell; hang; normal
//	GET /questions                   counts what it was asked, as JSON
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
)

func main() {
	listen := flag.String("listen", ":9000", "address of the gRPC service")
	control := flag.String("control", ":9001", "address to be told over HTTP how to answer")
	users := flag.String("users", "", "comma separated NAME=TOKEN of those who are admitted")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *control, *users); err != nil {
		slog.Error("extauthz failed", "error", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, listen, control, users string) error {
	tokens, err := parseUsers(users)
	if err != nil {
		return fmt.Errorf("-users: %w", err)
	}
	var listening net.ListenConfig
	questions, err := listening.Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("-listen: %w", err)
	}
	mind := newMind(tokens)
	rpc := grpc.NewServer()
	authv3.RegisterAuthorizationServer(rpc, mind)
	server := &http.Server{Addr: control, Handler: mind.control(), ReadHeaderTimeout: 5 * time.Second}
	stopped := context.AfterFunc(ctx, func() {
		rpc.Stop()
		_ = server.Close()
	})
	defer stopped()
	failed := make(chan error, 1)
	go func() { failed <- rpc.Serve(questions) }()
	slog.Info("extauthz listens", "questions", listen, "control", control)
	err = server.ListenAndServe()
	if !errors.Is(err, http.ErrServerClosed) {
		rpc.Stop()
		return errors.Join(fmt.Errorf("-control: %w", err), <-failed)
	}
	return <-failed
}

// parseUsers reads NAME=TOKEN,NAME=TOKEN.
func parseUsers(text string) (map[string]string, error) {
	tokens := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		name, token, ok := strings.Cut(pair, "=")
		if !ok || name == "" || token == "" {
			return nil, errors.New("write it as NAME=TOKEN,NAME=TOKEN, such as ann=one,bob=two")
		}
		tokens[token] = name
	}
	return tokens, nil
}
