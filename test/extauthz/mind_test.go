// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
)

func TestTheMindAdmitsWithdrawsAndForgives(t *testing.T) {
	t.Parallel()
	tokens, err := parseUsers("ann=one,bob=two")
	if err != nil {
		t.Fatal(err)
	}
	m := newMind(tokens)
	handshake := func(headers map[string]string) *authv3.CheckRequest {
		return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{
			Request: &authv3.AttributeContext_Request{Http: &authv3.AttributeContext_HttpRequest{Headers: headers}},
		}}
	}
	revalidation := func(session string) *authv3.CheckRequest {
		return &authv3.CheckRequest{Attributes: &authv3.AttributeContext{ContextExtensions: map[string]string{"session": session}}}
	}
	put := func(path string) {
		t.Helper()
		answer := httptest.NewRecorder()
		m.control().ServeHTTP(answer, httptest.NewRequest(http.MethodPut, path, nil))
		if answer.Code != http.StatusNoContent {
			t.Fatalf("PUT %s: %d", path, answer.Code)
		}
	}
	ask := func(what string, request *authv3.CheckRequest, want codes.Code, subject string) (session string) {
		t.Helper()
		response, err := m.Check(t.Context(), request)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		fields := response.GetDynamicMetadata().GetFields()
		if code := codes.Code(response.GetStatus().GetCode()); code != want || fields["sub"].GetStringValue() != subject {
			t.Errorf("%s: %s, subject %q; want %s, %q", what, code, fields["sub"].GetStringValue(), want, subject)
		}
		return fields["session"].GetStringValue()
	}
	session := ask("token", handshake(map[string]string{"authorization": "Bearer one"}), codes.OK, "ann")
	ask("cookie", handshake(map[string]string{"cookie": "a=b; session=two"}), codes.OK, "bob")
	ask("subprotocol", handshake(map[string]string{"sec-websocket-protocol": "bearer, two, chat"}), codes.OK, "bob")
	ask("nothing", handshake(nil), codes.Unauthenticated, "")
	ask("another token", handshake(map[string]string{"authorization": "Bearer three"}), codes.Unauthenticated, "")
	ask("session", revalidation(session), codes.OK, "ann")
	ask("another session", revalidation("made up"), codes.Unauthenticated, "")
	put("/users/ann?admitted=false")
	ask("session of somebody withdrawn", revalidation(session), codes.PermissionDenied, "")
	put("/users/ann?admitted=true")
	ask("session of somebody forgiven", revalidation(session), codes.OK, "ann")
	put("/mode?is=unavailable")
	if _, err := m.Check(t.Context(), revalidation(session)); err == nil {
		t.Error("an unavailable server has answered")
	}
	answer := httptest.NewRecorder()
	m.control().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/questions", nil))
	if want := `{"handshakes":5,"revalidations":5,"leaked":0,"last":"ann"}` + "\n"; answer.Body.String() != want {
		t.Errorf("questions: %s, want %s", answer.Body, want)
	}
}

func TestUsersAreNamesWithTokens(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "ann", "ann=", "=one", "ann=one,"} {
		if _, err := parseUsers(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}
