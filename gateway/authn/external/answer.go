// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package external

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// Bounds of an answer, in bytes and levels.
const (
	maxSubject = 512
	maxSession = 1 << 10
	// maxDepth is that of tokens.
	maxDepth = 16
	// latest is the last second that can be written in RFC 3339.
	latest = 253402300799
)

// MaxClaims bounds the claims of an answer, in bytes of their JSON. They are
// remembered as long as the connection lives: whoever is admitted by more would be
// thrown out by the next review of rules that ask for them.
const MaxClaims = 6 << 10

// Fields of the dynamic metadata that mean something to the gateway.
const (
	fieldSubject = "sub"
	fieldExpiry  = "exp"
	fieldSession = "session"
)

// Answer is what a server says of a caller whom it admits.
type Answer struct {
	// Subject is the field sub of the dynamic metadata, empty for none.
	Subject string
	// Session is the field session: a handle by which the server knows again whom
	// it has admitted. It is nobody else's business. At most 1 KiB.
	Session string
	// ExpiresAt is the field exp, zero for none.
	ExpiresAt time.Time
	// Claims are the fields of the dynamic metadata but session, numbers as
	// json.Number. Their JSON has at most MaxClaims bytes.
	Claims map[string]any
}

// read makes of a response a yes (an Answer), a no, or neither; the error is an
// *outcome.Refusal.
func read(response *authv3.CheckResponse, now time.Time) (Answer, error) {
	code := codes.Code(response.GetStatus().GetCode()) //nolint:gosec // any number that is no code is none of those below
	denied, failed := response.GetDeniedResponse(), response.GetErrorResponse()
	admits := response.GetOkResponse() != nil
	switch {
	case response.GetStatus() == nil && response.GetHttpResponse() == nil:
		// An empty message has the code OK; it is what a server sends that does
		// not know what it does.
		return Answer{}, unclear("its answer is empty")
	case code == codes.OK && (denied != nil || failed != nil), code != codes.OK && admits:
		return Answer{}, unclear("its answer says yes and no")
	case failed != nil:
		return Answer{}, unclear("it could not tell")
	case code != codes.OK:
		return Answer{}, no(code, denied)
	}
	answer, err := readMetadata(response.GetDynamicMetadata(), now)
	if err != nil {
		return Answer{}, err
	}
	return answer, nil
}

// unclear leaves it to whoever knows to say which server that was.
func unclear(why string) *outcome.Refusal { return outcome.Refuse(outcome.AuthUnavailable, "%s", why) }

// sizeOf is how many bytes of JSON the claims are, as they are remembered.
func sizeOf(claims map[string]any) int {
	var size counter
	encoder := json.NewEncoder(&size)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(claims) != nil {
		return MaxClaims + 1
	}
	return int(size) - len("\n")
}

type counter int

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// no tells a refusal of the caller from a failure of the server. A denial
// without a status is 403, as in Envoy.
func no(code codes.Code, denied *authv3.DeniedHttpResponse) *outcome.Refusal {
	status := int(denied.GetStatus().GetCode())
	unsaid := status == 0
	switch {
	case status == http.StatusUnauthorized, unsaid && code == codes.Unauthenticated:
		return outcome.Refuse(outcome.BadCredential, "authorization server does not accept the credential")
	case status == http.StatusForbidden, unsaid && (denied != nil || code == codes.PermissionDenied):
		return outcome.Refuse(outcome.AccessDenied, "authorization server denies access")
	case unsaid:
		return unclear("it answers " + code.String())
	}
	return unclear("it answers " + strconv.Itoa(status))
}

func readMetadata(metadata *structpb.Struct, now time.Time) (Answer, error) {
	claims, err := convertStruct(metadata, 0)
	if err != nil {
		return Answer{}, unclear("its metadata " + err.Error())
	}
	answer := Answer{Claims: claims}
	if answer.Subject, err = textOf(claims, fieldSubject, maxSubject); err != nil {
		return Answer{}, unclear(err.Error())
	}
	if answer.Session, err = textOf(claims, fieldSession, maxSession); err != nil {
		return Answer{}, unclear(err.Error())
	}
	delete(claims, fieldSession)
	if size := sizeOf(claims); size > MaxClaims {
		return Answer{}, unclear(fmt.Sprintf("its metadata has more than %d bytes of claims: let it send only what rules and backends need", MaxClaims))
	}
	if answer.ExpiresAt, err = expiryOf(claims); err != nil {
		return Answer{}, unclear(err.Error())
	}
	if !answer.ExpiresAt.IsZero() && !answer.ExpiresAt.After(now) {
		return Answer{}, outcome.Refuse(outcome.BadCredential, "authorization server admits until a time that is over")
	}
	return answer, nil
}

// textOf reads a field that must be text if it is there.
func textOf(claims map[string]any, name string, most int) (string, error) {
	value, present := claims[name]
	if !present {
		return "", nil
	}
	text, ok := value.(string)
	if !ok || text == "" || len(text) > most {
		return "", fmt.Errorf("field %s of its metadata is no text of 1 to %d bytes", name, most)
	}
	return text, nil
}

func expiryOf(claims map[string]any) (time.Time, error) {
	value, present := claims[fieldExpiry]
	if !present {
		return time.Time{}, nil
	}
	number, ok := value.(json.Number)
	if !ok {
		return time.Time{}, errors.New("field exp of its metadata is no number")
	}
	seconds, err := strconv.ParseFloat(number.String(), 64)
	if err != nil || seconds < 0 || seconds > latest {
		return time.Time{}, errors.New("field exp of its metadata is no time before the year 10000")
	}
	return time.Unix(int64(seconds), 0), nil
}

func convertStruct(object *structpb.Struct, depth int) (map[string]any, error) {
	converted := make(map[string]any, len(object.GetFields()))
	for name, field := range object.GetFields() {
		value, err := convert(field, depth+1)
		if err != nil {
			return nil, err
		}
		converted[name] = value
	}
	return converted, nil
}

func convertList(list *structpb.ListValue, depth int) ([]any, error) {
	converted := make([]any, 0, len(list.GetValues()))
	for _, item := range list.GetValues() {
		value, err := convert(item, depth+1)
		if err != nil {
			return nil, err
		}
		converted = append(converted, value)
	}
	return converted, nil
}

// convert counts levels as those of tokens are counted: what is remembered is read
// again by the same rules.
func convert(value *structpb.Value, depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("is nested deeper than %d levels", maxDepth)
	}
	switch kind := value.GetKind().(type) {
	case *structpb.Value_StringValue:
		return kind.StringValue, nil
	case *structpb.Value_BoolValue:
		return kind.BoolValue, nil
	case *structpb.Value_NumberValue:
		if math.IsNaN(kind.NumberValue) || math.IsInf(kind.NumberValue, 0) {
			return nil, errors.New("holds a number that is none")
		}
		return json.Number(strconv.FormatFloat(kind.NumberValue, 'f', -1, 64)), nil
	case *structpb.Value_StructValue:
		return convertStruct(kind.StructValue, depth)
	case *structpb.Value_ListValue:
		return convertList(kind.ListValue, depth)
	}
	return nil, nil // null, and what holds nothing
}
