// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	wsv1alpha1 "github.com/wsgateway/websocket-gateway-operator/api/v1alpha1"
)

// Close codes of the gateway, docs/audit-log.md.
const (
	codeCredential = 3000
	codeAccess     = 3003
)

const tokensPath = "/tokens"

// perPod is how many connections of each kind a step opens at each pod.
const perPod = 4

// token signs a token of the door's issuer for a subject.
func (d *door) token(key, subject string, expires time.Time) (string, error) {
	return d.tokenWith(key, subject, expires, nil)
}

func (d *door) tokenWith(key, subject string, expires time.Time, claims map[string]any) (string, error) {
	signed, err := d.signers[key].sign(doorIssuer, subject, expires, claims)
	if err == nil {
		d.shown.token(signed)
	}
	return signed, err
}

// withToken opens connections at each pod with a token of an hour.
func (d *door) withToken(ctx context.Context, key, name, origin string) (party, error) {
	token, err := d.token(key, name, time.Now().Add(time.Hour))
	if err != nil {
		return nil, err
	}
	return d.invite(ctx, name, perPod, attempt{path: tokensPath, token: token, origin: origin})
}

// removedOrigin takes one of two pages out of the policy.
func (d *door) removedOrigin(ctx context.Context) (string, error) {
	var guests party
	defer func() { guests.leave() }()
	for name, origin := range map[string]string{"old page": pageGone, "app": pageKept, "device": "-"} {
		more, err := d.withToken(ctx, "second", name, origin)
		if err != nil {
			return "", err
		}
		guests = append(guests, more...)
	}
	began, err := d.change(ctx, allow(pageKept))
	if err != nil {
		return "", err
	}
	left, last, err := guests.lose(ctx, "old page", codeAccess)
	if err != nil {
		return "", err
	}
	token, err := d.token("second", "late", time.Now().Add(time.Hour))
	if err != nil {
		return "", err
	}
	if err := d.refusedEverywhere(ctx, attempt{path: tokensPath, token: token, origin: pageGone}, http.StatusForbidden); err != nil {
		return "", err
	}
	if _, err := d.change(ctx, allow(pageKept, pageGone)); err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of %d closed, the last %s after the change was sent", len(guests)-len(left), len(guests), ms(last.Sub(began))), nil
}

// allow sets the pages of the policy for tokens.
func allow(pages ...wsv1alpha1.Origin) func(*wsv1alpha1.WebSocketGatewaySpec) {
	return func(spec *wsv1alpha1.WebSocketGatewaySpec) {
		policyOf(spec, "tokens").Origins.Allow = slices.Clone(pages)
	}
}

// policyOf is a policy by its name; an empty one that belongs to nothing if
// there is none, which the gateway then shows.
func policyOf(spec *wsv1alpha1.WebSocketGatewaySpec, name string) *wsv1alpha1.AuthPolicy {
	for i := range spec.AuthPolicies {
		if spec.AuthPolicies[i].Name == name {
			return &spec.AuthPolicies[i]
		}
	}
	return &wsv1alpha1.AuthPolicy{Origins: &wsv1alpha1.Origins{}}
}

// What expiry does: so many connections whose tokens expire at one moment, and
// how late the last of them may be closed. What is promised is a second for up
// to 1,000 connections of a pod; the other one is for a machine that is busy.
const (
	shortLived = 50
	latest     = 2 * time.Second
)

// expiry measures how late connections are closed whose tokens expire.
func (d *door) expiry(ctx context.Context) (string, error) {
	stay, err := d.withToken(ctx, "second", "an hour", "-")
	defer func() { stay.leave() }()
	if err != nil {
		return "", err
	}
	expires := time.Now().Add(10 * time.Second).Truncate(time.Second)
	guests, err := d.expiring(ctx, expires)
	defer func() { guests.leave() }()
	if err != nil {
		return "", err
	}
	guests = append(guests, stay...)
	_, last, err := guests.lose(ctx, "short", codeCredential)
	if err != nil {
		return "", err
	}
	earliest := last
	short, _ := guests.named("short")
	for _, g := range short {
		if g.at.Before(earliest) {
			earliest = g.at
		}
	}
	early, late := earliest.Sub(expires), last.Sub(expires)
	if early < 0 || late > latest {
		return "", fmt.Errorf("closed from %s to %s after the tokens' expiry", ms(early), ms(late))
	}
	return fmt.Sprintf("%d connections closed from %s to %s after the expiry of their tokens, %d others stayed",
		len(short), ms(early), ms(late), len(stay)), nil
}

// expiring opens connections, each with a token of its own.
func (d *door) expiring(ctx context.Context, expires time.Time) (party, error) {
	var mu sync.Mutex
	var guests party
	var problems []error
	var group sync.WaitGroup
	for worker, pod := range d.pods {
		group.Go(func() {
			for number := worker; number < shortLived; number += len(d.pods) {
				name := "short " + strconv.Itoa(number)
				token, err := d.token("second", name, expires)
				var conn *websocket.Conn
				if err == nil {
					conn, _, err = d.dial(ctx, attempt{path: tokensPath, token: token, origin: "-", to: pod})
				}
				mu.Lock()
				if err == nil {
					guests = append(guests, receive(name, conn))
				} else {
					problems = append(problems, fmt.Errorf("%s: %w", name, err))
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return guests, first(problems)
}

// fetchPause is how often tokens of unknown keys make a pod ask for the key set
// at most.
const fetchPause = 10 * time.Second

// rotation replaces the first key by a third one at the issuer.
func (d *door) rotation(ctx context.Context) (string, error) {
	guests, err := d.withToken(ctx, "first", "first key", "-")
	defer func() { guests.leave() }()
	if err != nil {
		return "", err
	}
	more, err := d.withToken(ctx, "second", "second key", "-")
	guests = append(guests, more...)
	if err != nil {
		return "", err
	}
	if err := sleep(ctx, time.Until(d.ready.Add(fetchPause+time.Second))); err != nil {
		return "", err
	}
	before, err := tell(ctx, http.MethodGet, d.control+"/fetches", http.NoBody)
	if err != nil {
		return "", err
	}
	began := time.Now()
	if err := d.publish(ctx, "second", "third"); err != nil {
		return "", err
	}
	// The first token of the new key makes each pod ask.
	newest, err := d.withToken(ctx, "third", "third key", "-")
	accepted := time.Since(began)
	guests = append(guests, newest...)
	if err != nil {
		return "", err
	}
	left, last, err := guests.lose(ctx, "first key", codeAccess)
	if err != nil {
		return "", err
	}
	token, err := d.token("first", "late", time.Now().Add(time.Hour))
	if err != nil {
		return "", err
	}
	if err := d.refusedEverywhere(ctx, attempt{path: tokensPath, token: token, origin: "-"}, http.StatusUnauthorized); err != nil {
		return "", err
	}
	after, err := tell(ctx, http.MethodGet, d.control+"/fetches", http.NoBody)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("new tokens let in at every pod after %s, %d of %d closed with the withdrawn key, the last after %s; fetches of the key set: %s, then %s",
		ms(accepted), len(guests)-len(left), len(guests), ms(last.Sub(began)), before, after), nil
}

func ms(d time.Duration) string { return d.Round(time.Millisecond).String() }
