// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	askedPath = "/asked"
	annToken  = "planted-token-of-ann-0123456789"
	bobToken  = "planted-token-of-bob-0123456789"
	// askedEvery is revalidateEvery of the policy, and some of its jitter.
	askedEvery = 15 * time.Second
)

// external has an authorization server in a pod let callers in, keep them out,
// be away, and change its mind about somebody.
func (d *door) external(ctx context.Context) (string, error) {
	control, err := d.controlOf(ctx, "authz", "9001")
	if err != nil {
		return "", err
	}
	d.shown.secret(annToken)
	d.shown.secret(bobToken)
	ann, bob := attempt{path: askedPath, token: annToken, origin: "-"}, attempt{path: askedPath, token: bobToken, origin: "-"}
	guests, err := d.invite(ctx, "ann", perPod, ann)
	defer func() { guests.leave() }()
	if err != nil {
		return "", err
	}
	more, err := d.invite(ctx, "bob", perPod, bob)
	guests = append(guests, more...)
	if err != nil {
		return "", err
	}
	stranger := attempt{path: askedPath, token: "stranger", origin: "-"}
	if err := d.refusedEverywhere(ctx, stranger, http.StatusUnauthorized); err != nil {
		return "", fmt.Errorf("a stranger: %w", err)
	}
	if err := d.away(ctx, control, ann); err != nil {
		return "", err
	}
	began := time.Now()
	if _, err := tell(ctx, http.MethodPut, control+"/users/bob?admitted=false", http.NoBody); err != nil {
		return "", err
	}
	if err := d.refusedEverywhere(ctx, bob, http.StatusForbidden); err != nil {
		return "", fmt.Errorf("bob, who was withdrawn: %w", err)
	}
	left, last, err := guests.lose(ctx, "bob", codeAccess)
	if err != nil {
		return "", err
	}
	took := last.Sub(began)
	if took > askedEvery {
		return "", fmt.Errorf("the last connection was closed only %s after the server had changed its mind", ms(took))
	}
	asked, err := questions(ctx, control)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%d of %d closed by revalidation, the last %s after the server changed its mind; 503 while it was away; asked %d times, %d times again",
		len(guests)-len(left), len(guests), ms(took), asked.Handshakes, asked.Revalidations), nil
}

// away makes the server unavailable: newcomers are refused, whoever they are,
// until it is back.
func (d *door) away(ctx context.Context, control string, a attempt) error {
	if _, err := tell(ctx, http.MethodPut, control+"/mode?is=unavailable", http.NoBody); err != nil {
		return err
	}
	if err := d.refusedEverywhere(ctx, a, http.StatusServiceUnavailable); err != nil {
		return fmt.Errorf("while the server was away: %w", err)
	}
	if _, err := tell(ctx, http.MethodPut, control+"/mode?is=normal", http.NoBody); err != nil {
		return err
	}
	return until(ctx, patience, func(ctx context.Context) error {
		back, err := d.invite(ctx, "back", 1, a)
		back.leave()
		return err
	})
}

// asked is what the authorization server counted.
type asked struct{ Handshakes, Revalidations, Leaked int }

func questions(ctx context.Context, control string) (asked, error) {
	var found asked
	text, err := tell(ctx, http.MethodGet, control+"/questions", http.NoBody)
	if err != nil {
		return found, err
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return found, fmt.Errorf("read the count of questions: %w", err)
	}
	if found.Leaked > 0 {
		return found, fmt.Errorf("%d revalidations came with a credential: something has kept it", found.Leaked)
	}
	return found, nil
}
