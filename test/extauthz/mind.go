// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
)

// The modes of PUT /mode.
const (
	modeNormal      = "normal"
	modeUnavailable = "unavailable"
	modeHang        = "hang"
)

// mind is what the server thinks of its users. Its methods are safe for
// concurrent use.
type mind struct {
	authv3.UnimplementedAuthorizationServer

	// users by token, and by the handle of a session, which is made from the
	// token alone: several replicas of this server understand each other's.
	byToken, bySession map[string]string

	mu        sync.Mutex
	mode      string
	withdrawn map[string]bool
	questions questions
}

// questions counts what the server was asked.
type questions struct {
	Handshakes    int `json:"handshakes"`
	Revalidations int `json:"revalidations"`
	// Leaked counts the revalidations that came with a credential.
	Leaked int `json:"leaked"`
	// Last is the identity that the last question ended with; empty for none.
	Last string `json:"last"`
}

func newMind(tokens map[string]string) *mind {
	m := &mind{byToken: tokens, bySession: map[string]string{}, mode: modeNormal, withdrawn: map[string]bool{}}
	for token, user := range tokens {
		m.bySession[sessionOf(token)] = user
	}
	return m
}

func sessionOf(token string) string {
	sum := sha256.Sum256([]byte("session of " + token))
	return hex.EncodeToString(sum[:])
}

// Check implements the protocol.
func (m *mind) Check(ctx context.Context, request *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	attributes := request.GetAttributes()
	user, session := m.judge(attributes)
	switch m.currentMode() {
	case modeUnavailable:
		return nil, grpcstatus.Error(codes.Unavailable, "told to be unavailable")
	case modeHang:
		<-ctx.Done()
		return nil, grpcstatus.FromContextError(ctx.Err()).Err()
	}
	switch {
	case user == "":
		return denied(codes.Unauthenticated, typev3.StatusCode_Unauthorized), nil
	case m.isWithdrawn(user):
		return denied(codes.PermissionDenied, typev3.StatusCode_Forbidden), nil
	}
	metadata, err := structpb.NewStruct(map[string]any{"sub": user, "session": session})
	if err != nil {
		return nil, fmt.Errorf("write metadata: %w", err)
	}
	return &authv3.CheckResponse{
		Status:          &status.Status{Code: int32(codes.OK)},
		HttpResponse:    &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}},
		DynamicMetadata: metadata,
	}, nil
}

// judge finds out who it is about, and counts.
func (m *mind) judge(attributes *authv3.AttributeContext) (user, session string) {
	session = attributes.GetContextExtensions()["session"]
	token := tokenOf(attributes.GetRequest().GetHttp().GetHeaders())
	m.mu.Lock()
	defer m.mu.Unlock()
	if session != "" {
		m.questions.Revalidations++
		if token != "" {
			m.questions.Leaked++
		}
		user = m.bySession[session]
	} else {
		m.questions.Handshakes++
		user, session = m.byToken[token], sessionOf(token)
	}
	m.questions.Last = user
	return user, session
}

// tokenOf finds a token where a client may show it.
func tokenOf(headers map[string]string) string {
	if token, ok := strings.CutPrefix(headers["authorization"], "Bearer "); ok {
		return token
	}
	for pair := range strings.SplitSeq(headers["cookie"], ";") {
		if token, ok := strings.CutPrefix(strings.TrimSpace(pair), "session="); ok {
			return token
		}
	}
	offered := strings.Split(headers["sec-websocket-protocol"], ",")
	if len(offered) > 1 && strings.TrimSpace(offered[0]) == "bearer" {
		return strings.TrimSpace(offered[1])
	}
	return ""
}

func denied(code codes.Code, answer typev3.StatusCode) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(code)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status:  &typev3.HttpStatus{Code: answer},
			Headers: []*corev3.HeaderValueOption{},
		}},
	}
}

func (m *mind) currentMode() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mode
}

func (m *mind) isWithdrawn(user string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.withdrawn[user]
}

// control is how a test changes the server's mind.
func (m *mind) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /questions", func(w http.ResponseWriter, _ *http.Request) {
		m.mu.Lock()
		asked := m.questions
		m.mu.Unlock()
		_ = json.NewEncoder(w).Encode(asked)
	})
	mux.HandleFunc("PUT /users/{name}", func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.withdrawn[r.PathValue("name")] = r.URL.Query().Get("admitted") == "false"
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT /mode", func(w http.ResponseWriter, r *http.Request) {
		mode := r.URL.Query().Get("is")
		if mode != modeNormal && mode != modeUnavailable && mode != modeHang {
			http.Error(w, "is must be normal, unavailable or hang", http.StatusBadRequest)
			return
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		m.mode = mode
		w.WriteHeader(http.StatusNoContent)
	})
	return mux
}
