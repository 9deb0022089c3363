// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package outcome_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wsgateway/websocket-gateway-operator/gateway/outcome"
)

// declared returns the constants of type Reason in a file of the package.
func declared(t *testing.T, file string) []outcome.Reason {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var reasons []outcome.Reason
	ast.Inspect(parsed, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); !ok || kind.Name != "Reason" {
			return true
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			reasons = append(reasons, outcome.Reason(text))
		}
		return true
	})
	return reasons
}

func sorted(reasons []outcome.Reason) []outcome.Reason { return slices.Sorted(slices.Values(reasons)) }

// The lists are what metrics, documentation and other tests walk.
func TestListsHoldEveryReasonOnce(t *testing.T) {
	t.Parallel()
	if diff := cmp.Diff(sorted(declared(t, "outcome.go")), sorted(outcome.Refusals())); diff != "" {
		t.Errorf("Refusals() (-declared +listed):\n%s", diff)
	}
	if diff := cmp.Diff(sorted(declared(t, "closure.go")), sorted(outcome.Closures())); diff != "" {
		t.Errorf("Closures() (-declared +listed):\n%s", diff)
	}
	all := append(outcome.Refusals(), outcome.Closures()...)
	name := regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)
	for _, reason := range all {
		if !name.MatchString(string(reason)) {
			t.Errorf("%q is no snake_case name", reason)
		}
	}
	// "draining" refuses handshakes and ends connections; nothing else is both.
	for _, reason := range outcome.Refusals() {
		if slices.Contains(outcome.Closures(), reason) && reason != outcome.Draining {
			t.Errorf("%q is a refusal and a closure", reason)
		}
	}
}

func TestEveryRefusalHasAnAnswer(t *testing.T) {
	t.Parallel()
	silent := []outcome.Reason{
		outcome.TooManyConnections, outcome.UntrustedProxy, outcome.BadProxyHeader, outcome.HandshakeBacklog, outcome.TLSHandshakeFailed, outcome.UnknownServerName, outcome.NoCertificate, outcome.ClientGone,
		outcome.ClientCertificateRequired, outcome.ClientCertificateInvalid, outcome.ClientCAUnavailable,
	}
	for _, reason := range outcome.Refusals() {
		answer := outcome.Refuse(reason, "").Answer()
		if slices.Contains(silent, reason) {
			if answer != (outcome.Answer{}) {
				t.Errorf("%s: answer %+v where nobody listens to HTTP", reason, answer)
			}
			continue
		}
		if answer.Status < 400 || answer.Status > 599 || http.StatusText(answer.Status) == "" || answer.Text == "" {
			t.Errorf("%s: answer %+v", reason, answer)
		}
		if answer.Status == http.StatusInternalServerError && reason != outcome.InternalError {
			t.Errorf("%s: has no row in the table", reason)
		}
		// RFC 9110 section 15.5.2: a 401 has a challenge, nothing else needs one.
		if answer.Challenge != (answer.Status == http.StatusUnauthorized) {
			t.Errorf("%s: status %d with challenge %t", reason, answer.Status, answer.Challenge)
		}
	}
}

// A record must not say that a client was answered who was not.
func TestARefusalBeforeTLSHasNoAnswer(t *testing.T) {
	t.Parallel()
	for _, reason := range outcome.Refusals() {
		refusal := outcome.RefuseSilently(reason, "%d times", 3)
		if answer := refusal.Answer(); answer != (outcome.Answer{}) || refusal.Reason != reason || refusal.Detail != "3 times" {
			t.Errorf("%s: %+v, answer %+v", reason, refusal, answer)
		}
	}
}

func TestUnknownRefusalIsAMistakeOfOurs(t *testing.T) {
	t.Parallel()
	answer := (&outcome.Refusal{Reason: "never heard of", Detail: "secret"}).Answer()
	if diff := cmp.Diff(outcome.Answer{Status: 500, Text: "internal error"}, answer); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestRefusalIsAnErrorWithItsDetail(t *testing.T) {
	t.Parallel()
	wrapped := fmt.Errorf("authenticate: %w", outcome.Refuse(outcome.BadCredential, "token %s", "expired"))
	var refusal *outcome.Refusal
	if !errors.As(wrapped, &refusal) || refusal.Error() != "bad_credential: token expired" {
		t.Errorf("refusal %v of %v", refusal, wrapped)
	}
	if got := outcome.Refuse(outcome.NoRoute, "").Error(); got != "no_route" {
		t.Errorf("without a detail: %q", got)
	}
	if text := refusal.Answer().Text; text != "authentication failed" {
		t.Errorf("the client is told %q", text)
	}
}

func TestEveryClosureHasACode(t *testing.T) {
	t.Parallel()
	seenOnly := []outcome.Reason{outcome.ClientLost, outcome.PongTimeout, outcome.SlowReader}
	for _, reason := range outcome.Closures() {
		closure := outcome.Close(reason, outcome.ByGateway, "")
		if closure.Reason != reason || closure.Initiator != outcome.ByGateway {
			t.Errorf("Close(%s) = %+v", reason, closure)
		}
		switch {
		case slices.Contains(seenOnly, reason):
			if closure.Code != outcome.CodeAbnormal {
				t.Errorf("%s: code %d, want %d", reason, closure.Code, outcome.CodeAbnormal)
			}
		case slices.Contains([]int{outcome.CodeUnauthorized, outcome.CodeForbidden}, closure.Code):
			// Of the registry for libraries and frameworks, RFC 6455 section 7.4.2.
		// RFC 6455 section 7.4.1: 1004, 1005, 1006 and 1015 are never in a frame.
		case closure.Code < 1000 || closure.Code > 1014 || slices.Contains([]int{1004, outcome.CodeNoStatus, outcome.CodeAbnormal}, closure.Code):
			t.Errorf("%s: code %d cannot be sent", reason, closure.Code)
		}
	}
	if got := outcome.Close("never heard of", outcome.ByGateway, "").Code; got != outcome.CodeInternalError {
		t.Errorf("unknown reason: code %d, want %d", got, outcome.CodeInternalError)
	}
}

func TestClosureOfAPeerKeepsItsCode(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		by   outcome.Initiator
		code int
		want string
	}{
		"the client with a code of its own": {by: outcome.ByClient, code: 4001, want: "client_closed (4001)"},
		"the client without a code":         {by: outcome.ByClient, code: outcome.CodeNoStatus, want: "client_closed (1005)"},
		"the backend":                       {by: outcome.ByUpstream, code: 1011, want: "upstream_closed (1011)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closure := outcome.Closed(tt.by, tt.code)
			if closure.Error() != tt.want || closure.Initiator != tt.by || closure.Code != tt.code {
				t.Errorf("Closed() = %+v, %q; want %q", closure, closure.Error(), tt.want)
			}
		})
	}
	if got := outcome.Close(outcome.UpstreamLost, outcome.ByUpstream, "reset").Error(); got != "upstream_lost (1011): reset" {
		t.Errorf("with a detail: %q", got)
	}
}

// Whoever adds a reason decides whether a policy in dry run keeps it to itself.
func TestEveryRefusalOfAccessIsAPolicysOrIsKnownNotToBe(t *testing.T) {
	t.Parallel()
	// A lockout is nobody's to try out.
	notOfPolicy := []outcome.Reason{outcome.AddressRevoked, outcome.IdentityRevoked}
	for _, reason := range outcome.Refusals() {
		status := (&outcome.Refusal{Reason: reason}).Answer().Status
		access := status == http.StatusUnauthorized || status == http.StatusForbidden
		if access != (slices.Contains(outcome.OfPolicy(), reason) || slices.Contains(notOfPolicy, reason)) && reason != outcome.AuthUnavailable {
			t.Errorf("%s answers %d: is it in OfPolicy for a reason?", reason, status)
		}
	}
}

func TestAFaultIsOursWhereTheAnswerSaysSo(t *testing.T) {
	t.Parallel()
	for reason, want := range map[outcome.Reason]bool{
		outcome.UpstreamTimeout: true, outcome.InternalError: true, outcome.PolicyUnavailable: true,
		outcome.BadCredential: false, outcome.ClientGone: false, outcome.NoRoute: false,
	} {
		if got := outcome.Refuse(reason, "").OurFault(); got != want {
			t.Errorf("%s: our fault is %t", reason, got)
		}
	}
}

func TestWhatBreaksARule(t *testing.T) {
	t.Parallel()
	broken := map[outcome.Reason]bool{
		outcome.MessageRate: true, outcome.ControlRate: true, outcome.FrameTimeout: true,
		outcome.MessageTooBig: true, outcome.TooManyFragments: true, outcome.UnwantedType: true, outcome.ProtocolError: true, outcome.InvalidUTF8: true,
	}
	for _, reason := range outcome.Closures() {
		for _, by := range []outcome.Initiator{outcome.ByClient, outcome.ByUpstream} {
			if got := outcome.Close(reason, by, "").Violation(); got != broken[reason] {
				t.Errorf("%s by the %s: %v, want %v", reason, by, got, broken[reason])
			}
		}
		if outcome.Close(reason, outcome.ByGateway, "").Violation() {
			t.Errorf("%s: the gateway breaks no rule of its own", reason)
		}
	}
}
