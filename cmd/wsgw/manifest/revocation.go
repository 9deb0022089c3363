// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"context"
	"fmt"
	"slices"
	"time"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
	"github.com/wsgateway/websocket-gateway-operator/controllers/compile"
)

// DecodeRevocation checks a revocation against the schema, which must be that of
// NewRevocationSchema, and makes the Go type of it; nil if there are problems.
func (s *Schema) DecodeRevocation(ctx context.Context, d Document) (*wsv1alpha1.WebSocketRevocation, []Problem) {
	r := &wsv1alpha1.WebSocketRevocation{}
	if problems := s.decode(ctx, d, r, wsv1alpha1.KindWebSocketRevocation); len(problems) > 0 {
		return nil, problems
	}
	return r, nil
}

// CheckRevocation looks at what no schema can tell: the end of a revocation, and
// whether its gateways are among the documents.
func (s *Set) CheckRevocation(d Document, r *wsv1alpha1.WebSocketRevocation, now time.Time) (problems, unchecked []Problem) {
	const until = "spec.until"
	_, tooFar := compile.RevocationEnd(r, now)
	switch {
	case tooFar:
		problems = append(problems, Problem{
			Position: d.Position(), Field: until, Message: "the end is more than 30 days away: choose an earlier one",
		})
	case !now.Before(r.Spec.Until.Time):
		problems = append(problems, Problem{
			Position: d.Position(), Field: until, Message: "the end has passed, so that nobody is locked out: choose a later one, or delete the revocation",
		})
	}
	for i, ref := range r.Spec.GatewayRefs {
		if !slices.ContainsFunc(s.Gateways, func(g Document) bool { return g.Namespace() == r.Namespace && g.Object.GetName() == ref.Name }) {
			unchecked = append(unchecked, missing(d, compile.Reference{
				Field: fmt.Sprintf("spec.gatewayRefs[%d]", i), Kind: wsv1alpha1.KindWebSocketGateway, Name: ref.Name,
			}))
		}
	}
	return problems, unchecked
}

// RevocationsOf decodes all revocations and answers those that name a gateway.
func (s *Set) RevocationsOf(ctx context.Context, schema *Schema, gw *wsv1alpha1.WebSocketGateway) ([]wsv1alpha1.WebSocketRevocation, []Problem) {
	var found []wsv1alpha1.WebSocketRevocation
	var problems []Problem
	for _, document := range s.Revocations {
		r, refused := schema.DecodeRevocation(ctx, document)
		problems = append(problems, refused...)
		if r != nil && r.Namespace == gw.Namespace &&
			slices.Contains(r.Spec.GatewayRefs, wsv1alpha1.GatewayReference{Name: gw.Name}) {
			found = append(found, *r)
		}
	}
	return found, problems
}
