// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package wstest

import (
	"context"
	"sync"
	"testing"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"
)

// Judgement answers a question to an Authorizer.
type Judgement func(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error)

// Authorizer is an authorization server on a loopback port, by the protocol of
// Envoy's ext_authz filter. It ends with its test.
type Authorizer struct {
	authv3.UnimplementedAuthorizationServer
	rpcServer

	options []grpc.ServerOption

	mu        sync.Mutex
	judge     Judgement
	questions []*authv3.CheckRequest
}

// Authorize starts an Authorizer.
func Authorize(tb testing.TB, judge Judgement, options ...grpc.ServerOption) *Authorizer {
	tb.Helper()
	a := &Authorizer{judge: judge, options: options}
	a.Start(tb)
	return a
}

// Start listens again after Stop, on the same port.
func (a *Authorizer) Start(tb testing.TB) {
	tb.Helper()
	a.serve(tb, func(to grpc.ServiceRegistrar) { authv3.RegisterAuthorizationServer(to, a) }, a.options...)
}

// Judge replaces how questions are answered.
func (a *Authorizer) Judge(judge Judgement) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.judge = judge
}

// Questions returns what was asked so far.
func (a *Authorizer) Questions() []*authv3.CheckRequest {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*authv3.CheckRequest(nil), a.questions...)
}

// Check implements the protocol.
func (a *Authorizer) Check(ctx context.Context, request *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	a.mu.Lock()
	a.questions = append(a.questions, request)
	judge := a.judge
	a.mu.Unlock()
	return judge(ctx, request)
}

// Always is a Judgement that does not look at the question.
func Always(response *authv3.CheckResponse) Judgement {
	return func(context.Context, *authv3.CheckRequest) (*authv3.CheckResponse, error) { return response, nil }
}

// Admit is the answer that admits somebody with this metadata.
func Admit(tb testing.TB, metadata map[string]any) *authv3.CheckResponse {
	tb.Helper()
	fields, err := structpb.NewStruct(metadata)
	must(tb, err)
	return &authv3.CheckResponse{
		Status:          &status.Status{Code: int32(codes.OK)},
		HttpResponse:    &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{}},
		DynamicMetadata: fields,
	}
}

// Deny is the answer that refuses somebody with an HTTP status.
func Deny(answer int32) *authv3.CheckResponse {
	return &authv3.CheckResponse{
		Status: &status.Status{Code: int32(codes.PermissionDenied)},
		HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
			Status: &typev3.HttpStatus{Code: typev3.StatusCode(answer)},
		}},
	}
}
