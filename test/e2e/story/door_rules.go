// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"fmt"
	"net/http"
	"time"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

const ruledPath = "/ruled"

// members opens connections of an organisation at each pod.
func (d *door) members(ctx context.Context, organisation string) (party, attempt, error) {
	token, err := d.tokenWith("second", "member of "+organisation, time.Now().Add(time.Hour), map[string]any{"org": organisation})
	if err != nil {
		return nil, attempt{}, err
	}
	a := attempt{path: ruledPath, token: token, origin: "-"}
	guests, err := d.invite(ctx, "member of "+organisation, perPod, a)
	return guests, a, err
}

// changedRule takes one of two organisations out of a rule.
func (d *door) changedRule(ctx context.Context) (string, error) {
	guests, _, err := d.members(ctx, "north")
	defer func() { guests.leave() }()
	if err != nil {
		return "", err
	}
	more, south, err := d.members(ctx, "south")
	guests = append(guests, more...)
	if err != nil {
		return "", err
	}
	began, err := d.change(ctx, whenMembers("identity.claims.org == 'north'"))
	if err != nil {
		return "", err
	}
	left, last, err := guests.lose(ctx, "south", codeAccess)
	if err != nil {
		return "", err
	}
	if err := d.refusedEverywhere(ctx, south, http.StatusForbidden); err != nil {
		return "", err
	}
	if _, err := d.change(ctx, whenMembers("identity.claims.org in ['north', 'south']")); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of %d closed, the last %s after the change was sent", len(guests)-len(left), len(guests), ms(last.Sub(began))), nil
}

// whenMembers sets the one rule of the policy.
func whenMembers(when string) func(*wsv1alpha1.WebSocketGatewaySpec) {
	return func(spec *wsv1alpha1.WebSocketGatewaySpec) {
		policyOf(spec, "ruled").Authorization = &wsv1alpha1.Authorization{Rules: []wsv1alpha1.AuthorizationRule{
			{Name: "members", Action: wsv1alpha1.RuleActionAllow, When: when},
		}}
	}
}
