// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"github.com/google/go-cmp/cmp"
	rpcstatus "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/wsgateway/websocket-gateway-operator/gateway/authn/external"
	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
	"github.com/wsgateway/websocket-gateway-operator/test/wstest"
)

var noon = time.Unix(1_800_000_000, 0)

func TestAnAnswerIsAYesANoOrNeither(t *testing.T) {
	t.Parallel()
	statusOnly := func(code codes.Code) *authv3.CheckResponse {
		return &authv3.CheckResponse{Status: &rpcstatus.Status{Code: int32(code)}}
	}
	deny := func(code codes.Code, denied *authv3.DeniedHttpResponse) *authv3.CheckResponse {
		r := statusOnly(code)
		r.HttpResponse = &authv3.CheckResponse_DeniedResponse{DeniedResponse: denied}
		return r
	}
	contradiction := wstest.Admit(t, nil)
	contradiction.Status.Code = int32(codes.PermissionDenied)
	yesButDenied := wstest.Deny(403)
	yesButDenied.Status.Code = int32(codes.OK)
	failed := statusOnly(codes.PermissionDenied)
	failed.HttpResponse = &authv3.CheckResponse_ErrorResponse{ErrorResponse: &authv3.DeniedHttpResponse{}}
	justOK := wstest.Admit(t, nil)
	justOK.Status = nil
	for name, tt := range map[string]struct {
		response *authv3.CheckResponse
		want     outcome.Reason
	}{
		"yes":                                    {wstest.Admit(t, nil), ""},
		"the status alone says yes":              {statusOnly(codes.OK), ""},
		"the response alone says yes":            {justOK, ""},
		"nothing":                                {nil, outcome.AuthUnavailable},
		"an empty message":                       {&authv3.CheckResponse{}, outcome.AuthUnavailable},
		"401":                                    {wstest.Deny(401), outcome.BadCredential},
		"403":                                    {wstest.Deny(403), outcome.AccessDenied},
		"a redirect to a login page":             {wstest.Deny(302), outcome.AuthUnavailable},
		"429":                                    {wstest.Deny(429), outcome.AuthUnavailable},
		"500":                                    {wstest.Deny(500), outcome.AuthUnavailable},
		"a status that HTTP does not have":       {wstest.Deny(-7), outcome.AuthUnavailable},
		"denied without a status":                {deny(codes.PermissionDenied, &authv3.DeniedHttpResponse{}), outcome.AccessDenied},
		"denied without anything":                {deny(codes.Internal, nil), outcome.AuthUnavailable},
		"unauthenticated without a response":     {statusOnly(codes.Unauthenticated), outcome.BadCredential},
		"permission denied without a response":   {statusOnly(codes.PermissionDenied), outcome.AccessDenied},
		"an internal error without a response":   {statusOnly(codes.Internal), outcome.AuthUnavailable},
		"a code that gRPC does not have":         {statusOnly(4711), outcome.AuthUnavailable},
		"a negative code":                        {&authv3.CheckResponse{Status: &rpcstatus.Status{Code: -1}}, outcome.AuthUnavailable},
		"no, with the response of a yes":         {contradiction, outcome.AuthUnavailable},
		"yes, with the response of a no":         {yesButDenied, outcome.AuthUnavailable},
		"the server says that it failed":         {failed, outcome.AuthUnavailable},
		"a yes until a time that is over":        {wstest.Admit(t, map[string]any{"exp": noon.Unix()}), outcome.BadCredential},
		"a subject that is no text":              {wstest.Admit(t, map[string]any{"sub": 7}), outcome.AuthUnavailable},
		"an empty subject":                       {wstest.Admit(t, map[string]any{"sub": ""}), outcome.AuthUnavailable},
		"a giant subject":                        {wstest.Admit(t, map[string]any{"sub": strings.Repeat("x", 513)}), outcome.AuthUnavailable},
		"a giant session":                        {wstest.Admit(t, map[string]any{"session": strings.Repeat("x", 1025)}), outcome.AuthUnavailable},
		"an expiry that is no number":            {wstest.Admit(t, map[string]any{"exp": "tomorrow"}), outcome.AuthUnavailable},
		"an expiry beyond any calendar":          {wstest.Admit(t, map[string]any{"exp": 1e300}), outcome.AuthUnavailable},
		"a number that is none":                  {wstest.Admit(t, map[string]any{"x": math.NaN()}), outcome.AuthUnavailable},
		"lists in lists in lists without an end": {wstest.Admit(t, map[string]any{"x": nested(40)}), outcome.AuthUnavailable},
		"as many levels as tokens may have":      {wstest.Admit(t, map[string]any{"x": nested(15)}), ""},
		"one level more":                         {wstest.Admit(t, map[string]any{"x": nested(16)}), outcome.AuthUnavailable},
		"a text on a level too many":             {wstest.Admit(t, map[string]any{"x": nested(15, "text")}), outcome.AuthUnavailable},
		"as many claims as are remembered":       {wstest.Admit(t, map[string]any{"x": strings.Repeat("<", external.MaxClaims-len(`{"x":""}`))}), ""},
		"one byte more":                          {wstest.Admit(t, map[string]any{"x": strings.Repeat("<", external.MaxClaims-len(`{"x":""}`)+1)}), outcome.AuthUnavailable},
		"claims that are long when written":      {wstest.Admit(t, map[string]any{"x": strings.Repeat("\u2028", external.MaxClaims/6)}), outcome.AuthUnavailable},
		"numbers that are long when written":     {wstest.Admit(t, map[string]any{"x": slices.Repeat([]any{1e300}, 21)}), outcome.AuthUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := external.Read(tt.response, noon)
			if reason := reasonOf(t, err); reason != tt.want {
				t.Errorf("Read() = %q (%v), want %q", reason, err, tt.want)
			}
		})
	}
}

// nested are lists in lists, with the items in the innermost.
func nested(levels int, items ...any) []any {
	list := append([]any{}, items...)
	for range levels {
		list = []any{list}
	}
	return list
}

func reasonOf(t testing.TB, err error) outcome.Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	refusal, ok := errors.AsType[*outcome.Refusal](err)
	if !ok {
		t.Fatalf("%v is no refusal", err)
	}
	return refusal.Reason
}

func TestMetadataBecomesTheIdentity(t *testing.T) {
	t.Parallel()
	response := wstest.Admit(t, map[string]any{
		"sub": "ann", "session": "handle", "exp": 1_800_000_600, "groups": []any{"a", true, 1.5}, "org": map[string]any{"id": 7}, "none": nil,
	})
	response.DynamicMetadata.Fields["hollow"] = &structpb.Value{}
	got, err := external.Read(response, noon)
	if err != nil {
		t.Fatal(err)
	}
	want := external.Answer{
		Subject: "ann", Session: "handle", ExpiresAt: time.Unix(1_800_000_600, 0),
		Claims: map[string]any{
			"sub": "ann", "exp": json.Number("1800000600"), "groups": []any{"a", true, json.Number("1.5")},
			"org": map[string]any{"id": json.Number("7")}, "none": nil, "hollow": nil,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Read() (-want +got):\n%s", diff)
	}
}

// Whatever a server sends, nobody gets in without a status or a response that
// says yes, and nothing panics.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []*authv3.CheckResponse{
		wstest.Admit(f, map[string]any{"sub": "ann", "session": "s", "exp": 1_900_000_000, "x": []any{1, nil}}),
		wstest.Deny(401), wstest.Deny(403),
		{},
		{Status: &rpcstatus.Status{}},
	} {
		data, err := proto.Marshal(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var response authv3.CheckResponse
		if proto.Unmarshal(data, &response) != nil {
			return
		}
		answer, err := external.Read(&response, noon)
		if reasonOf(t, err) != "" {
			return
		}
		if response.GetStatus().GetCode() != 0 || response.GetDeniedResponse() != nil || response.GetErrorResponse() != nil {
			t.Errorf("admitted by %v", &response)
		}
		if len(answer.Subject) > 512 || len(answer.Session) > 1024 || (!answer.ExpiresAt.IsZero() && !answer.ExpiresAt.After(noon)) {
			t.Errorf("answer out of bounds: %+v", answer)
		}
		var claims bytes.Buffer
		encoder := json.NewEncoder(&claims)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(answer.Claims); err != nil || claims.Len()-1 > external.MaxClaims {
			t.Errorf("%d bytes of claims, %v", claims.Len(), err)
		}
		if _, kept := answer.Claims["session"]; kept {
			t.Error("the session is among the claims")
		}
	})
}
