// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package story

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const triedPath = "/tried"

// dryRun looks whether a policy that is only tried lets in whom it would refuse,
// and counts them.
func (d *door) dryRun(ctx context.Context) (string, error) {
	const metric = "wsgateway_handshakes_would_refuse_total"
	before, err := d.sum(ctx, metric)
	if err != nil {
		return "", err
	}
	token, err := d.token("second", "allowed", time.Now().Add(time.Hour))
	if err != nil {
		return "", err
	}
	var guests party
	defer func() { guests.leave() }()
	refusable := 0
	for _, a := range []struct {
		name string
		attempt
		refused bool
	}{
		{"allowed", attempt{token: token, origin: "-"}, false},
		{"no token", attempt{origin: "-"}, true},
		{"foreign page", attempt{token: token, origin: "https://evil.example.org"}, true},
	} {
		a.path = triedPath
		more, err := d.invite(ctx, a.name, perPod, a.attempt)
		guests = append(guests, more...)
		if err != nil {
			return "", err
		}
		if a.refused {
			refusable += len(more)
		}
	}
	after, err := d.sum(ctx, metric)
	if err != nil {
		return "", err
	}
	if after-before != refusable {
		return "", fmt.Errorf("%s grew by %d, want %d", metric, after-before, refusable)
	}
	return fmt.Sprintf("%d let in, %d of them counted as would be refused", len(guests), refusable), nil
}

// sum adds up a counter over its labels and all pods.
func (d *door) sum(ctx context.Context, metric string) (int, error) {
	total := 0
	for _, pod := range d.names {
		text, err := tell(ctx, http.MethodGet, "http://"+net.JoinHostPort(pod, adminPort)+"/metrics", http.NoBody)
		if err != nil {
			return 0, err
		}
		lines := bufio.NewScanner(strings.NewReader(text))
		for lines.Scan() {
			name, value, ok := strings.Cut(lines.Text(), " ")
			if !ok || (name != metric && !strings.HasPrefix(name, metric+"{")) {
				continue
			}
			count, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return 0, fmt.Errorf("read metric %s: %w", name, err)
			}
			total += int(count)
		}
	}
	return total, nil
}
